"""Real servers for tests: the gateway on a socket in a thread of its own, and the recorded upstream in a process."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import re
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from loops import GATEWAY, WatchedLoop
from paths import ROOT
from penstock.app.root import build
from penstock.observe.record import Record
from penstock.server.gateway import Gateway
from penstock.server.stopping import GracefulServer
from penstock.settings import Settings
from penstock.stores.file import CatalogueFile

RECORDINGS = Path(os.environ.get("TEST_RECORDINGS") or ROOT.parent / "shared" / "recordings")
"""Recorded provider traffic, which is not part of a clone. ``TEST_RECORDINGS=none`` hides it, as a newcomer has it.

The variable has no prefix of the project's: the gateway refuses to start with a PENSTOCK_* variable that it does not
know, and tests start it as a process.
"""
SHARED = RECORDINGS.parent
"""Beside the recordings are the reference's facts and a judge of OpenAI's published schema."""

needs_recordings = pytest.mark.recordings
"""The test is skipped where the recordings are not at hand; ``pytest -m recordings`` runs these tests alone."""


def are_recordings_at_hand() -> bool:
    return (RECORDINGS / "replay_upstream.py").exists()


def schema_oracle() -> Any:
    """The judge of OpenAI's published schema."""
    spec = importlib.util.spec_from_file_location("oai_schema", SHARED / "clients" / "oracle" / "oai_schema.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the judge leaves its file to the collector
        return module.Oracle()


class RunningGateway:
    """A gateway that listens on ``url``; ``loop`` is the event loop that serves it, ``requests`` are the tasks of the
    requests that it serves, which asyncio doesn't know."""

    def __init__(self, app: Gateway, url: str, loop: asyncio.AbstractEventLoop, requests: set[Any]) -> None:
        self.app = app
        self.records = app.records.subscribe()
        self.url = url
        self.loop = loop
        self._requests = requests

    @property
    def v1(self) -> str:
        return f"{self.url}/v1"

    def taken(self) -> list[Record]:
        """The records since the last look, whatever is under way: taken where they are put, so that none is lost."""

        async def taken() -> list[Record]:
            return self.records.take()

        return asyncio.run_coroutine_threadsafe(taken(), self.loop).result(70)

    def recorded(self) -> list[Record]:
        """The records since the last look, when no request is under way any more: a caller has the last byte of its
        answer a moment before the record is written."""

        async def taken() -> list[Record]:
            async with asyncio.timeout(300):
                while self._requests:  # noqa: ASYNC110 (nothing tells it)
                    await asyncio.sleep(0.001)
            return self.records.take()

        return asyncio.run_coroutine_threadsafe(taken(), self.loop).result(70)

    def tasks(self) -> set[str]:
        """The names of the tasks that run on the gateway's loop now."""

        async def names() -> set[str]:
            current = asyncio.current_task()
            requests = {f"request {id(task)}" for task in self._requests}
            return requests | {task.get_name() for task in asyncio.all_tasks() if task is not current}

        return asyncio.run_coroutine_threadsafe(names(), self.loop).result(10)


def catalogue_file(app: Gateway) -> CatalogueFile:
    """The gateway's penstock.toml, among the sources of its catalogue."""
    (file,) = (part for part in app._parts if isinstance(part, CatalogueFile))
    return file


class _OwnServer(GracefulServer):
    """The gateway's own server, which says with ``tell`` when it is ready, and where its running requests are."""

    tell: Callable[[set[Any]], object]

    async def start(self, sock: socket.socket) -> None:
        await super().start(sock)
        self.tell(self.state.tasks)


class _Uvicorn(uvicorn.Server):
    """As ``_OwnServer``, by uvicorn."""

    tell: Callable[[set[Any]], object]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.tell(self.server_state.tasks)


@contextlib.contextmanager
def running_gateway(
    settings: Settings,
    catalogue: Path | None = None,
    *,
    asgi: bool = False,
    keep_alive: int = 60,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Iterator[RunningGateway]:
    """Serve in a thread, as ``penstock serve`` does in a process; drained and closed on leaving.

    ``asgi`` serves the gateway by uvicorn, as any ASGI server would; ``keep_alive`` is for how many seconds a
    connection may be idle; ``sleep`` is how the waits between attempts pass.
    """
    app = build(settings, catalogue, sleep=sleep)
    sock = socket.create_server(("127.0.0.1", 0))
    started: Future[tuple[asyncio.AbstractEventLoop, set[Any]]] = Future()
    any_server = uvicorn.Config(
        app, http="httptools", lifespan="on", log_config=None, access_log=False, server_header=False,
        proxy_headers=False, ws="none", timeout_graceful_shutdown=60, timeout_keep_alive=keep_alive,
    )  # fmt: skip
    server = _Uvicorn(any_server) if asgi else _OwnServer(app, 60, keep_alive_seconds=keep_alive)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server.tell = lambda tasks: started.set_result((loop, tasks))
        await (server.serve(sockets=[sock]) if isinstance(server, _Uvicorn) else server.serve(sock))

    def run() -> None:
        with asyncio.Runner(loop_factory=WatchedLoop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, name=GATEWAY, daemon=True)
    thread.start()
    try:
        loop, tasks = started.result(300)
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        yield RunningGateway(app, url, loop, tasks)
    finally:
        server.should_exit = True
        thread.join(300)
        sock.close()
        assert not thread.is_alive()


@contextlib.contextmanager
def replayed_recordings() -> Iterator[str]:
    """The replay server over all recordings; its base URL."""
    command = [sys.executable, str(RECORDINGS / "replay_upstream.py"), str(RECORDINGS), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"listening on ([\d.]+:\d+)", process.stdout.readline())
            assert found is not None
            yield f"http://{found[1]}"
        finally:
            process.terminate()
