"""Runs the gateway on a listening socket, in this process; ``serve_workers.py`` runs it in several."""

from __future__ import annotations

import gc
import logging
import socket
import ssl
from typing import Final

from penstock.observe.messages import StderrHandler
from penstock.server.gateway import Gateway
from penstock.server.stopping import GracefulServer
from penstock.server.tls import TlsFiles, renewing
from penstock.settings import Settings

_LOG: Final = logging.getLogger("penstock")


def serve(gateway: Gateway, settings: Settings, sock: socket.socket) -> None:
    """Serve in this process until SIGINT or SIGTERM, then finish the running requests within ``shutdown_grace``."""
    log_to_stderr(settings.server.log_level)
    calm_the_collector()
    GracefulServer(gateway, settings.server.shutdown_grace, tls=tls(settings)).run(sock)


def calm_the_collector() -> None:
    """Run the garbage collector rarely: requests leave no cycles behind, and objects made at start are never freed.

    With the interpreter's own thresholds every few requests pay for a walk over the whole heap (4 % of the time). What
    the start left unused (a thousand objects) is frozen with the rest: to find it takes as long as 20 requests.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def tls(settings: Settings) -> ssl.SSLContext | None:
    """The context to serve HTTPS with, None for HTTP. Raises OSError and ValueError for files that can't be used."""
    files = TlsFiles.of(settings.server)
    return None if files is None else renewing(files)


def log_to_stderr(level: str) -> None:
    """Messages go to standard error (standard output is the access log's).

    The level is that of the gateway's own messages. Libraries say no more than warnings: at level debug they would
    write signatures, tokens and addresses.
    """
    root, handler = logging.getLogger(), StderrHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.handlers[:] = [handler]
    root.setLevel(level.upper() if level in {"error", "critical"} else logging.WARNING)
    _LOG.setLevel(level.upper())
