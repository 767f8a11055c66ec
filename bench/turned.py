"""``python -m bench.turned serve ...``: the gateway, which notes how long each callback keeps its event loop.

Between two SIGUSR1; the second one writes what was seen to the file that the variable BENCH_TURNS names. A callback's
own time is the processor time of its thread: what is longer by the clock was waited for, for Python's lock while
another thread held it, or for a processor.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import uvloop

from penstock.__main__ import run
from penstock.server.http.http1 import ServerConnection
from penstock.transport.connection import Connection

_WRAPPED = ("call_soon", "call_soon_threadsafe", "call_later", "call_at")


class Turns:
    """``seen`` has, for each holder, the clock's and the processor's seconds of each time."""

    def __init__(self) -> None:
        self.is_running = False
        self.seen: dict[str, list[tuple[float, float]]] = {}
        self._collecting = (0.0, 0.0)

    def switch(self, *_: object) -> None:
        self.is_running = not self.is_running
        if self.is_running:
            self.seen.clear()
        else:
            path = Path(os.environ["BENCH_TURNS"])
            draft = path.with_suffix(".draft")
            draft.write_text(json.dumps(self.seen), "utf-8")
            draft.replace(path)

    def timed(self, callback: Callable[..., Any], name: str = "") -> Callable[..., Any]:
        """The callback, whose times are noted."""

        @wraps(callback, assigned=(), updated=())
        def call(*args: Any) -> Any:
            if not self.is_running:
                return callback(*args)
            holder, began = name or _name_of(callback), (time.perf_counter(), time.thread_time())
            try:
                return callback(*args)
            finally:
                self._note(holder, began)

        return call

    def collects(self, phase: str, info: dict[str, int]) -> None:
        """The garbage collector begins or ends: it holds the loop within another's time, or in a thread."""
        if phase == "start":
            self._collecting = time.perf_counter(), time.thread_time()
        elif self.is_running:
            self._note(f"garbage collector, generation {info['generation']}", self._collecting)

    def _note(self, holder: str, began: tuple[float, float]) -> None:
        wall, used = time.perf_counter() - began[0], time.thread_time() - began[1]
        self.seen.setdefault(holder, []).append((wall, used))


def _name_of(callback: Any) -> str:
    """Of a task its own name or its coroutine's, of anything else its function's."""
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        name = owner.get_name()
        return f"task {getattr(owner.get_coro(), '__qualname__', name) if name.startswith('Task-') else name}"
    function = getattr(callback, "func", callback)
    return str(getattr(function, "__qualname__", type(function).__name__))


def _install(turns: Turns) -> None:
    loop: Any = uvloop.Loop
    for method in _WRAPPED:
        original, at = getattr(loop, method), 1 if method in {"call_later", "call_at"} else 0

        def wrapped(self: Any, *args: Any, _original: Any = original, _at: int = at, **more: Any) -> Any:
            return _original(self, *args[:_at], turns.timed(args[_at]), *args[_at + 1 :], **more)

        setattr(loop, method, wrapped)
    for protocol in (ServerConnection, Connection):
        received: Any = protocol.data_received
        timed = turns.timed(received, f"{protocol.__name__}.data_received")
        protocol.data_received = timed  # type: ignore[method-assign]
    gc.callbacks.append(turns.collects)
    signal.signal(signal.SIGUSR1, turns.switch)


if __name__ == "__main__":
    _install(Turns())
    run()
