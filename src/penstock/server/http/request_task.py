"""The task of one request. It begins at once, and goes on in the turn of the event loop in which its bytes arrive.

``asyncio.Task`` begins a turn later (``eager_task_factory`` came with Python 3.12), and tells its end another turn
later. Most requests wait once, for the provider; for them the turns cost more than the task. Source for a task of
one's own: https://docs.python.org/3/library/asyncio-extending.html#task-lifetime-support.
"""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Coroutine
from typing import Any

from penstock.pipeline.relay import Broken


class RequestTask:
    """Runs a coroutine and calls ``ended`` when the coroutine has returned, failed or was cancelled.

    Cancelling works as ``asyncio.Task`` has it, and ``asyncio.current_task()`` is the request's task while it runs.
    """

    __slots__ = ("_cancel_requests", "_coroutine", "_ended", "_loop", "_must_cancel", "_waits_for")

    def __init__(
        self, coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop, ended: Callable[[], None]
    ) -> None:
        self._coroutine: Coroutine[Any, Any, None] | None = coroutine
        self._loop = loop
        self._ended = ended
        self._cancel_requests = 0
        self._must_cancel = False
        self._waits_for: asyncio.Future[Any] | None = None

    def done(self) -> bool:
        return self._coroutine is None

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def cancel(self, msg: Any = None) -> bool:  # noqa: ARG002
        """Throw ``CancelledError`` into the coroutine, at the place where it waits or waits next."""
        if self._coroutine is None:
            return False
        self._cancel_requests += 1
        waits_for = self._waits_for
        self._must_cancel = waits_for is None or not waits_for.cancel()
        return True

    def cancelling(self) -> int:
        return self._cancel_requests

    def uncancel(self) -> int:
        self._cancel_requests = max(0, self._cancel_requests - 1)
        return self._cancel_requests

    def run(self, error: BaseException | None = None) -> None:
        """Run the coroutine to the next place where it waits. Called once, then by what the coroutine waits for."""
        task: Any = self
        coroutine, loop = self._coroutine, self._loop
        if coroutine is None:
            return
        if self._must_cancel:
            self._must_cancel = False
            error = asyncio.CancelledError()
        try:
            _enter_task(loop, task)
        except RuntimeError:  # another task runs: it made this one, or brought the bytes
            loop.call_soon(self.run, error)
            return
        try:
            waits_for = coroutine.send(None) if error is None else coroutine.throw(error)
        except (StopIteration, asyncio.CancelledError, Broken):
            # Broken: the connection closes, for the response was not completed.
            self._coroutine = None
        except BaseException as failure:
            self._coroutine = None
            loop.call_exception_handler({"message": "a request's task failed", "exception": failure})
        finally:
            _leave_task(loop, task)
            error = None  # the traceback of an error holds this frame
        if self._coroutine is None:
            self._ended()
        else:
            self._wait_for(waits_for)

    def _wait_for(self, future: Any) -> None:
        if future is None:  # asyncio.sleep(0)
            self._loop.call_soon(self.run)
            return
        future._asyncio_future_blocking = False
        future.add_done_callback(self._go_on)
        self._waits_for = future
        if self._must_cancel and future.cancel():
            self._must_cancel = False

    def _go_on(self, future: asyncio.Future[Any]) -> None:
        self._waits_for = None
        try:
            future.result()
        except BaseException as error:
            del future  # the traceback of the error holds this frame
            self.run(error)
        else:
            self.run()
