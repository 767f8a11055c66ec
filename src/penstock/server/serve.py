"""Runs an ASGI application under uvicorn on a listening socket, in this process or in several."""

from __future__ import annotations

import gc
import importlib.util
import os
import socket
import sys
from pathlib import Path
from typing import Any, Final

import uvicorn
from uvicorn.supervisors import Multiprocess

from penstock.server.asgi import App
from penstock.server.http1 import ServerConnection
from penstock.settings import Settings, to_environ

# Load balancers keep idle connections for about a minute. The gateway must not close first, or it could close while a
# request is on its way.
_KEEP_ALIVE_SECONDS: Final = 75


def serve(app: App, settings: Settings, sock: socket.socket) -> None:
    """Serve in this process until SIGINT or SIGTERM, then finish the running requests within ``shutdown_grace``."""
    _calm_the_collector()
    uvicorn.Server(_config(app, settings)).run(sockets=[sock])


def supervise(app: str, settings: Settings, sock: socket.socket, catalogue: Path | None = None) -> None:
    """Serve in ``workers`` processes, each of which imports the application anew, as ``module:attribute``.

    The settings reach them in the environment. Exits when a worker fails to start.
    """
    os.environ.update(to_environ(settings, catalogue))
    supervisor = Multiprocess(_config(app, settings), sockets=[sock])
    supervisor.run()
    failed = max((process.exitcode or 0 for process in supervisor.processes), default=0)
    if failed > 0:
        sys.exit(failed)


def _calm_the_collector() -> None:
    """Run the garbage collector rarely: requests leave no cycles behind, and objects made at start are never freed.

    With the interpreter's own thresholds every few requests pay for a walk over the whole heap (4 % of the time).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _config(app: App | str, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        workers=settings.server.workers,
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


def _logging(level: str) -> dict[str, Any]:
    """Messages to standard error (standard output is the access log's). uvicorn hands this to its workers.

    The level is that of the gateway's own messages and the server's. Libraries say no more than warnings: at level
    debug they would write signatures, tokens and addresses.
    """
    others = level.upper() if level in {"error", "critical"} else "WARNING"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": others, "handlers": ["stderr"]},
        # At level info, uvicorn's own start messages would repeat the banner.
        "loggers": {
            "penstock": {"level": level.upper()},
            "uvicorn": {"level": "WARNING" if level == "info" else level.upper()},
        },
    }
