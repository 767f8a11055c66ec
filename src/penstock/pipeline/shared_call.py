"""One upstream call that several requests share: identical cacheable requests, or one caller who comes back.

The call runs in a task of its own, so that no caller's leaving cancels it; only when nobody is left is it given up.
What arrives is kept in one buffer, from which every ``Follower`` reads at its own pace. Who may share a call, and what
becomes of a landed one, is the owner's business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.pipeline.call import Answer
from penstock.transport.base import Reply

Run = Callable[[], Coroutine[Any, Any, Answer]]

_PIECE: Final = 64 << 10
"""Bytes that a follower gets at once when it has to catch up: each has a copy of its own."""

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
    """An upstream call under way, or over while somebody holds it.

    It ends once: ``finished`` when the reply came to its end, ``failure`` then being None if it is whole; or
    ``abandoned`` when nobody was left, when ``run`` raised or when the gateway stops. ``completed`` is called then.
    ``answer`` is the head that all share. It is closed last, so that the owner may judge it first (``broken``).
    ``body`` is the complete bytes of a finished reply of at most ``limit``. A longer one takes no more callers and
    holds in memory only what its slowest follower has yet to read; more than ``limit`` of that makes the provider wait.

    The last caller's leaving abandons the call, ``grace`` seconds later if it can still be joined meanwhile.
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
        """Whether it has ended, one way or the other."""
        return self._task is None

    @property
    def joinable(self) -> bool:
        """Whether a newcomer can still have the whole answer."""
        return not self.abandoned and self._end <= self._limit

    async def join(self) -> Answer:
        """Wait for the head; an Answer of the caller's own, to be closed by it. Only while ``joinable``.

        Raises what ``run`` raised.
        """
        if not self.joinable:
            raise RuntimeError("this flight can't be joined any more")
        self._end_grace()
        if self.answer is not None:
            return self._own(self.answer)
        waiter: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting.add(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            # It may have been taken in the moment before: nobody else would close the answer then.
            if not waiter.cancelled() and waiter.exception() is None:
                waiter.result().close()
            self._waiting.discard(waiter)
            self._left()
            raise
        finally:
            # An exception's traceback leads here, and from here back to it.
            del waiter

    def abandon(self, failure: Failure = _STOPPED) -> None:
        """Close the upstream at once and tell whoever still listens why. Harmless when it is over."""
        if self._task is not None:
            self._task.cancel()
            self._give_up(failure)

    # The call's own task.

    async def _run_call(self, run: Run) -> None:
        try:
            answer = await run()
            del run  # it holds the request, which a stream of hours does not need
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
            told = self._tell(error)
            self._give_up(_DEFECT)
            if not told:
                raise  # for the event loop to report
        else:
            self._finish(answer)

    def _arrived(self, answer: Answer) -> None:
        """The head is known: everyone who waits for it gets an answer."""
        self.answer = answer
        head = answer.body
        if answer.watch is not None and answer.rest is not None:
            head += answer.watch.held()
        if answer.rest is not None:
            self._buffer += head
        self._prefix = self._end = len(head)
        waiting, self._waiting = self._waiting, set()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(self._own(answer))

    def _own(self, answer: Answer) -> Answer:
        """The shared answer as one caller's own. What follows the head it reads through a follower."""
        own = msgspec.structs.replace(answer, headers=answer.headers.copy(), on_close=(), attempt=None)
        if answer.rest is not None:
            own.rest = follower = Follower(self, answer.rest, self._prefix)
            self._followers.add(follower)
            if answer.watch is not None:
                own.watch = answer.watch.fork()
        return own

    async def _pump(self, rest: Reply) -> None:
        """Take in the rest of the reply as it arrives."""
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
        """Forget what every follower has read, and wait while one is too far behind."""
        while True:
            slowest = min(follower.position for follower in self._followers)
            del self._buffer[: slowest - self._start]
            self._start = slowest
            if self._end - slowest <= self._limit:
                return
            self._room = self._loop.create_future()
            await self._room

    def _tell(self, error: Exception) -> bool:
        """Raise the error in everyone who waits for the head; whether there was anyone."""
        waiting = [waiter for waiter in self._waiting if not waiter.done()]
        for waiter in waiting:
            waiter.set_exception(error)
        return bool(waiting)

    # How it ends.

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
        """Let go of everything that leads back here, so that nothing is left to the garbage collector."""
        self._task = None
        self._end_grace()
        for follower in self._followers:
            follower.wake()
        self._waiting.clear()
        completed = self._completed
        del self._completed
        completed(self)

    # What callers do.

    def _left(self) -> None:
        """A caller has left; the last one ends it all."""
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
        """For a follower: bytes that it has not read, possibly none yet."""
        source = self._buffer if self.body is None else self.body
        start = position - self._start
        return bytes(memoryview(source)[start : start + _PIECE])

    def moved(self, position: int) -> None:
        """A follower has read on from a position, or left there: the pump may have waited for it."""
        room = self._room
        if room is not None and not room.done() and self._end - position > self._limit:
            room.set_result(None)

    def leave(self, follower: Follower) -> None:
        self._followers.discard(follower)
        self.moved(follower.position)
        self._left()


class Follower:
    """The ``Reply`` of one caller: the shared reply after its head, read independently of all others."""

    __slots__ = ("_flight", "_waiter", "failure", "headers", "position", "status")

    def __init__(self, shared_call: SharedCall, reply: Reply, position: int) -> None:
        self.status = reply.status
        self.headers = reply.headers
        self.failure: Failure | None = None
        self.position = position
        self._flight: SharedCall | None = shared_call
        self._waiter: asyncio.Future[None] | None = None

    async def read(self) -> bytes:
        while self._flight is not None:
            data = self._flight.after(self.position)
            if data:
                before = self.position
                self.position += len(data)
                self._flight.moved(before)
                return data
            if self._flight.over:
                self.failure = self._flight.failure
                self.close()
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None
        return b""

    def close(self) -> None:
        shared_call, self._flight = self._flight, None
        if shared_call is not None:
            self.wake()
            shared_call.leave(self)

    def wake(self) -> None:
        """Something has happened that a waiting read may have waited for."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
