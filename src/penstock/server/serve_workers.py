"""Runs the gateway in several processes that share a listening socket, each of which builds it anew."""

from __future__ import annotations

import functools
import importlib
import logging
import socket
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from penstock.server.gateway import Gateway
from penstock.server.http.http_server import STARTUP_FAILED
from penstock.server.serve import calm_the_collector, log_to_stderr, tls
from penstock.server.stopping import GracefulServer
from penstock.server.workers import OPEN, Supervisor, beat, obey, say_why
from penstock.settings import IN_DATABASE, IN_FILE, Settings, SettingsError
from penstock.stores.sql.database_error import DatabaseError

_LOG: Final = logging.getLogger("penstock")
_TRY_AGAIN: Final = 1
"""The exit code of a worker that can't start now, and may start later."""


def supervise(app: str, settings: Settings, sock: socket.socket, catalogue: Path | None = None) -> None:
    """Serve in ``workers`` processes, each of which builds the gateway anew: ``app`` names the function for it, as
    ``module:function``, which takes the settings and the catalogue's path.

    The settings reach the workers through a pipe: their environment would show the proxy's password to other programs.
    Exits when a worker fails to start before any has served.
    """
    log_to_stderr(settings.server.log_level)
    server = settings.server
    work = functools.partial(_work, app, settings, catalogue)
    code = Supervisor(work, server.workers, sock, server.shutdown_grace).run()
    if code:
        sys.exit(code)


def _work(app: str, settings: Settings, catalogue: Path | None, sock: socket.socket, orders: Connection) -> None:
    """Serve as one of several workers."""
    log_to_stderr(settings.server.log_level)
    try:
        module, _, function = app.partition(":")
        gateway: Gateway = getattr(importlib.import_module(module), function)(settings, catalogue)
        calm_the_collector()

        def tell() -> None:
            beat(orders, known_keys(gateway))

        server = GracefulServer(
            gateway, settings.server.shutdown_grace, tls=tls(settings), is_supervised=True, beat=tell
        )
    except (DatabaseError, SettingsError) as error:
        say_why(orders, str(error))
        sys.exit(_TRY_AGAIN if isinstance(error, DatabaseError) else STARTUP_FAILED)
    except Exception:
        _LOG.exception("a worker can't start")
        sys.exit(STARTUP_FAILED)
    # At once, too: a worker that starts after the first key was made must know of it, however soon the key is lost.
    gateway.pipeline.compiler.catalogues.watch(lambda _: tell())
    obey(orders, server)
    server.run(sock)


def known_keys(gateway: Gateway) -> str:
    """What a gateway knows of the keys that callers need: ``OPEN`` where they need none, else the place of the keys, a
    value of ``GUARDED``. Empty while the database is lost for so long that its keys are not in force: it may have had
    none."""
    current, stored = gateway.pipeline.compiler.catalogues.current, gateway.stored
    if not current.is_guarded:
        return OPEN
    if current.is_stale:
        return IN_FILE if current.keys else ""
    return IN_DATABASE if stored is not None and stored.is_guarded else IN_FILE
