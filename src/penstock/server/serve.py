"""Runs an ASGI application under uvicorn on a listening socket, in this process or in several."""

from __future__ import annotations

import functools
import gc
import importlib
import importlib.util
import logging
import logging.config
import socket
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import uvicorn

from penstock.server.asgi import App
from penstock.server.gateway import Gateway
from penstock.server.http.handshake import with_tls
from penstock.server.http.http1 import ServerConnection
from penstock.server.stopping import GracefulServer
from penstock.server.tls import TlsFiles, renewing
from penstock.server.workers import OPEN, STARTUP_FAILED, Supervisor, beat, obey, say_why
from penstock.settings import IN_DATABASE, IN_FILE, Settings, SettingsError
from penstock.stores.sql.database_error import DatabaseError

_LOG: Final = logging.getLogger("penstock")

# Load balancers keep idle connections for about a minute. The gateway must not close first, or it could close while a
# request is on its way.
_KEEP_ALIVE_SECONDS: Final = 75
_TRY_AGAIN: Final = 1
"""The exit code of a worker that can't start now, and may start later."""


def serve(app: App, settings: Settings, sock: socket.socket) -> None:
    """Serve in this process until SIGINT or SIGTERM, then finish the running requests within ``shutdown_grace``."""
    _calm_the_collector()
    GracefulServer(_config(app, settings)).run(sockets=[sock])


def supervise(app: str, settings: Settings, sock: socket.socket, catalogue: Path | None = None) -> None:
    """Serve in ``workers`` processes, each of which builds the gateway anew: ``app`` names the function for it, as
    ``module:function``, which takes the settings and the catalogue's path.

    The settings reach the workers through a pipe: their environment would show the proxy's password to other programs.
    Exits when a worker fails to start before any has served.
    """
    logging.config.dictConfig(_logging(settings.server.log_level))
    server = settings.server
    work = functools.partial(_work, app, settings, catalogue)
    code = Supervisor(work, server.workers, sock, server.shutdown_grace).run()
    if code:
        sys.exit(code)


def _work(app: str, settings: Settings, catalogue: Path | None, sock: socket.socket, orders: Connection) -> None:
    """Serve as one of several workers."""
    logging.config.dictConfig(_logging(settings.server.log_level))
    try:
        module, _, function = app.partition(":")
        gateway: Gateway = getattr(importlib.import_module(module), function)(settings, catalogue)
        _calm_the_collector()

        def tell() -> None:
            beat(orders, known_keys(gateway))

        server = GracefulServer(_config(gateway, settings), is_supervised=True, beat=tell)
    except (DatabaseError, SettingsError) as error:
        say_why(orders, str(error))
        sys.exit(_TRY_AGAIN if isinstance(error, DatabaseError) else STARTUP_FAILED)
    except Exception:
        _LOG.exception("a worker can't start")
        sys.exit(STARTUP_FAILED)
    # At once, too: a worker that starts after the first key was made must know of it, however soon the key is lost.
    gateway.pipeline.compiler.catalogues.watch(lambda _: tell())
    obey(orders, server)
    server.run(sockets=[sock])


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


def _calm_the_collector() -> None:
    """Run the garbage collector rarely: requests leave no cycles behind, and objects made at start are never freed.

    With the interpreter's own thresholds every few requests pay for a walk over the whole heap (4 % of the time). What
    the start left unused (a thousand objects) is frozen with the rest: to find it takes as long as 20 requests.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


class _Config(uvicorn.Config):
    """uvicorn's configuration with TLS of our own."""

    tls: TlsFiles | None = None

    def load(self) -> None:
        super().load()
        if self.tls is not None:
            with_tls(self, renewing(self.tls))


def _config(app: App, settings: Settings) -> uvicorn.Config:
    config = _Config(
        app,
        http=ServerConnection,
        loop="uvloop" if importlib.util.find_spec("uvloop") else "asyncio",
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=_logging(settings.server.log_level),
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=2048,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.server.shutdown_grace,
    )
    config.tls = TlsFiles.of(settings.server)
    return config


def _logging(level: str) -> dict[str, Any]:
    """Messages to standard error (standard output is the access log's).

    The level is that of the gateway's own messages and the server's. Libraries say no more than warnings: at level
    debug they would write signatures, tokens and addresses.
    """
    others = level.upper() if level in {"error", "critical"} else "WARNING"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {"stderr": {"class": "penstock.observe.messages.StderrHandler", "formatter": "line"}},
        "root": {"level": others, "handlers": ["stderr"]},
        # At level info, uvicorn's own start messages would repeat the banner.
        "loggers": {
            "penstock": {"level": level.upper()},
            "uvicorn": {"level": "WARNING" if level == "info" else level.upper()},
        },
    }
