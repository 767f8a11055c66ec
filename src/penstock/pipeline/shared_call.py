"""One upstream call that several requests share: identical cacheable requests, or retries with one Idempotency-Key.

The call runs in a task of its own, so that a caller who disconnects doesn't cancel it; the call is abandoned when no
caller is left. The reply's bytes are kept in one buffer, from which every ``Follower`` reads at its own pace. The owner
of the call (cache.py, idempotency.py) decides which requests share a call, and what is done with a completed call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.pipeline.call import Answer
from penstock.pipeline.replies.wrapped_reply import TransformedStream
from penstock.transport.base import Reply

Run = Callable[[], Coroutine[Any, Any, Answer]]

_PIECE: Final = 64 << 10
"""Bytes that one read of a follower returns at most: a follower that lags behind copies no more than these at once."""

_DESERTED: Final = Failure(Kind.CLIENT_DISCONNECTED, "Every caller left before the answer was complete.", sent=True)
_STOPPED: Final = Failure(
    Kind.SHUTTING_DOWN,
    "The gateway gave up the call before the answer was complete: send the request again.",
    sent=True,
)
_DEFECT: Final = Failure(
    Kind.INTERNAL, "The gateway failed on this request: this is a defect of the gateway, please report it.", sent=True
)


class SharedCall:
    """An upstream call that is running or has ended.

    A call ends once. It is ``finished`` when the reply ended; ``failure`` is None if the reply is whole. It is
    ``abandoned`` when no caller was left, when ``run`` raised or when the gateway stops. In both cases ``completed`` is
    called. ``answer`` is the head that all callers share; it is closed after ``completed``, so that the owner can read
    ``answer.broken``. ``body`` is the complete body of a finished reply of at most ``limit`` bytes. A longer reply
    takes no new callers and keeps in memory only the bytes that its slowest follower hasn't read; if these exceed
    ``limit``, the call stops reading from the provider.

    When the last caller leaves, the call is abandoned; a call that can still be joined is abandoned ``grace`` seconds
    later.
    """

    __slots__ = (
        "_buffer",
        "_completed",
        "_end",
        "_followers",
        "_grace",
        "_limit",
        "_loop",
        "_prefix",
        "_room",
        "_start",
        "_task",
        "_timer",
        "_waiting",
        "abandoned",
        "answer",
        "body",
        "failure",
        "finished",
    )  # fmt: skip

    def __init__(self, run: Run, limit: int, completed: Callable[[SharedCall], None], grace: float = 0.0) -> None:
        self.answer: Answer | None = None
        self.body: bytes | None = None
        self.failure: Failure | None = None
        self.finished = False
        self.abandoned = False
        self._limit = limit
        self._completed = completed
        self._grace = grace
        self._waiting: set[asyncio.Future[Answer]] = set()
        self._followers: set[Follower] = set()
        # Positions count from the body's first byte; the buffer holds those from _start to _end.
        self._buffer = bytearray()
        self._start = self._prefix = self._end = 0
        self._room: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = self._loop.create_task(self._run_call(run))

    @property
    def over(self) -> bool:
        """Whether the call has ended, finished or abandoned."""
        return self._task is None

    @property
    def joinable(self) -> bool:
        """Whether a new caller can still get the whole answer."""
        return not self.abandoned and self._end <= self._limit

    async def join(self) -> Answer:
        """Wait for the head. Returns a copy of the Answer for this caller, which the caller must close.

        Raises RuntimeError unless ``joinable``, and any exception that ``run`` raised.
        """
        if not self.joinable:
            raise RuntimeError("this shared call can't be joined any more")
        self._end_grace()
        if self.answer is not None:
            return self._own(self.answer)
        waiter: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting.add(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            # The waiter may have its answer already, although this task is cancelled: close the answer here.
            if not waiter.cancelled() and waiter.exception() is None:
                waiter.result().close()
            self._waiting.discard(waiter)
            self._left()
            raise
        finally:
            # The traceback of the waiter's exception refers to this frame: without this they would form a cycle.
            del waiter

    def abandon(self, failure: Failure = _STOPPED) -> None:
        """Close the upstream at once; all followers get ``failure``. Does nothing when the call has ended."""
        if self._task is not None:
            self._task.cancel()
            self._give_up(failure)

    # The call's own task.

    async def _run_call(self, run: Run) -> None:
        try:
            answer = await run()
            del run  # `run` keeps the request in memory, which a long stream doesn't need
            if self.abandoned:
                answer.close()
                return
            self._arrived(answer)
            if answer.rest is not None:
                await self._pump(answer.rest)
        except asyncio.CancelledError:
            self._give_up(_STOPPED)
            raise
        except Exception as error:
            has_waiters = self._tell(error)
            self._give_up(_DEFECT)
            if not has_waiters:
                raise  # for the event loop to report
        else:
            self._finish(answer)

    def _arrived(self, answer: Answer) -> None:
        """The head has arrived: give every waiting caller its answer."""
        self.answer = answer
        head = answer.body
        if answer.watch is not None and answer.rest is not None:
            transform = answer.watch.normalized_rest()
            if transform is not None:  # what several callers share is normalized once
                answer.rest = TransformedStream(answer.rest, transform)
            head += answer.watch.held()
        if answer.rest is not None:
            self._buffer += head
        self._prefix = self._end = len(head)
        waiting, self._waiting = self._waiting, set()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(self._own(answer))

    def _own(self, answer: Answer) -> Answer:
        """A copy of the shared answer for one caller, who reads the bytes after the head through a follower."""
        own = msgspec.structs.replace(answer, headers=answer.headers.copy(), on_close=(), attempt=None)
        if answer.rest is not None:
            own.rest = follower = Follower(self, answer.rest, self._prefix)
            self._followers.add(follower)
            if answer.watch is not None:
                own.watch = answer.watch.fork()
        return own

    async def _pump(self, rest: Reply) -> None:
        """Read the rest of the reply into the buffer as it arrives."""
        while data := await rest.read():
            self._buffer += data
            self._end += len(data)
            for follower in self._followers:
                follower.wake()
            if self._end > self._limit:
                if not self._followers:
                    self._give_up(_DESERTED)
                    return
                await self._thin()
        self.failure = rest.failure

    async def _thin(self) -> None:
        """Drop the bytes that every follower has read, and wait while the slowest follower lags more than ``_limit``
        bytes behind."""
        while True:
            slowest = min(follower.position for follower in self._followers)
            del self._buffer[: slowest - self._start]
            self._start = slowest
            if self._end - slowest <= self._limit:
                return
            self._room = self._loop.create_future()
            await self._room

    def _tell(self, error: Exception) -> bool:
        """Raise the error in every caller that waits for the head. Returns whether any caller waits."""
        waiting = [waiter for waiter in self._waiting if not waiter.done()]
        for waiter in waiting:
            waiter.set_exception(error)
        return bool(waiting)

    # The call's end.

    def _finish(self, answer: Answer) -> None:
        if self.abandoned:
            return
        self.finished = True
        if self._end <= self._limit:
            self.body = answer.body if answer.rest is None else bytes(self._buffer)
            self._buffer = bytearray()
        answer.broken = self.failure
        self._complete()
        answer.close()

    def _give_up(self, failure: Failure) -> None:
        if self._task is None:
            return
        self.abandoned = True
        self.failure = failure
        if self.answer is not None:
            self.answer.close()
        for waiter in self._waiting:
            waiter.cancel()
        self._complete()

    def _complete(self) -> None:
        """Drop all references back to this call, so that no cycle is left to the garbage collector."""
        self._task = None
        self._end_grace()
        for follower in self._followers:
            follower.wake()
        self._waiting.clear()
        completed = self._completed
        del self._completed
        completed(self)

    # Called for callers.

    def _left(self) -> None:
        """A caller has left: abandon the call if it was the last caller."""
        if self._task is None or self._waiting or self._followers:
            return
        if self._grace and self.joinable:
            self._timer = self._loop.call_later(self._grace, self.abandon, _DESERTED)
        else:
            self.abandon(_DESERTED)

    def _end_grace(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def after(self, position: int) -> bytes:
        """The bytes after a follower's position, at most ``_PIECE``; empty if none have arrived."""
        source = self._buffer if self.body is None else self.body
        start = position - self._start
        return bytes(memoryview(source)[start : start + _PIECE])

    def moved(self, position: int) -> None:
        """A follower has read on from ``position``, or left at it: wake the pump if it waits for this follower."""
        room = self._room
        if room is not None and not room.done() and self._end - position > self._limit:
            room.set_result(None)

    def leave(self, follower: Follower) -> None:
        self._followers.discard(follower)
        self.moved(follower.position)
        self._left()


class Follower:
    """The ``Reply`` of one caller: the shared reply after its head, read independently of other followers."""

    __slots__ = ("_shared_call", "_waiter", "failure", "headers", "position", "status")

    def __init__(self, shared_call: SharedCall, reply: Reply, position: int) -> None:
        self.status = reply.status
        self.headers = reply.headers
        self.failure: Failure | None = None
        self.position = position
        self._shared_call: SharedCall | None = shared_call
        self._waiter: asyncio.Future[None] | None = None

    async def read(self) -> bytes:
        while self._shared_call is not None:
            data = self._shared_call.after(self.position)
            if data:
                before = self.position
                self.position += len(data)
                self._shared_call.moved(before)
                return data
            if self._shared_call.over:
                self.failure = self._shared_call.failure
                self.close()
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None
        return b""

    def close(self) -> None:
        shared_call, self._shared_call = self._shared_call, None
        if shared_call is not None:
            self.wake()
            shared_call.leave(self)

    def wake(self) -> None:
        """Wake a waiting read: bytes arrived, or the call ended."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
