"""Host names -> addresses, by the system's resolver in threads of the gateway's own.

The system's resolver blocks a thread for as long as a name server is silent. Hosts that callers name have threads
apart from those of hosts that the operator fixed, and each caller may keep only a part of them busy: a slow name delays
nobody else. Look-ups of one name are shared, an answer is kept for ``_FRESH`` seconds, and an older answer serves while
the name server is silent or fails (RFC 8767). Whatever is kept: each address is judged again when it is dialled.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from penstock.core.lru import Lru

LookUp = Callable[[str], Sequence[str]]
"""Host name -> addresses in order of preference, by a call that blocks. Raises OSError or UnicodeError if there are
none."""
_Answer = Sequence[str] | OSError | UnicodeError

_FRESH: Final = 30.0
"""Seconds for which an answer is used without a new look-up."""
_STALE: Final = 3600.0
"""Seconds for which an answer is kept for the time when no new answer can be had."""
_SILENCE: Final = 1.0
"""Seconds of a silent name server after which a stale answer is used (RFC 8767, 5: 1.8 s at most)."""
_NO_SUCH_NAME: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


class Resolver(Protocol):
    """What the connector needs: ``SystemResolver``, or a test's own."""

    async def addresses(self, host: str, caller: str | None) -> Sequence[str]:
        """The addresses of a host name in order of preference. ``caller`` is who named the host, None if the operator
        did. Raises OSError or UnicodeError if there are none."""
        ...

    def forget(self, host: str, caller: str | None) -> None:
        """Look the name up anew next time: its addresses could not be reached."""
        ...


def system_look_up(host: str) -> Sequence[str]:
    """The addresses of a name as the operating system knows them: hosts file, DNS, mDNS."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class ResolverLimits(msgspec.Struct, frozen=True):
    """How many look-ups may run at a time: of hosts that the operator fixed, of hosts that callers name, and of these
    for one caller."""

    fixed: int = 16
    named: int = 128
    caller: int = 48


class SystemResolver:
    """Looks names up in threads. ``look_up`` is the blocking call; ``clock`` counts seconds."""

    def __init__(
        self,
        look_up: LookUp = system_look_up,
        limits: ResolverLimits = ResolverLimits(),  # noqa: B008 (frozen)
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._fixed = _LookUps(look_up, limits.fixed, limits.fixed, clock)
        self._named = _LookUps(look_up, limits.named, limits.caller, clock)

    async def addresses(self, host: str, caller: str | None) -> Sequence[str]:
        look_ups = self._look_ups(caller)
        known, age = look_ups.known(host)
        if known is not None and age < _FRESH:
            return known
        if known is None or age >= _STALE:
            return await look_ups.run(host, caller or "")
        try:
            async with asyncio.timeout(_SILENCE):
                return await look_ups.run(host, caller or "")
        except TimeoutError:
            return known
        except OSError as error:
            if isinstance(error, socket.gaierror) and error.errno in _NO_SUCH_NAME:
                raise
            return known

    def forget(self, host: str, caller: str | None) -> None:
        self._look_ups(caller).forget(host)

    def _look_ups(self, caller: str | None) -> _LookUps:
        return self._fixed if caller is None else self._named


class _LookUps:
    """The look-ups of one kind of hosts: those that run, and the answers of earlier ones."""

    def __init__(self, look_up: LookUp, most: int, most_of_a_caller: int, clock: Callable[[], float]) -> None:
        self._look_up = look_up
        self._clock = clock
        self._most_of_a_caller = most_of_a_caller
        self._room = asyncio.Semaphore(most)
        self._shares: dict[str, _Share] = {}
        self._running: dict[str, asyncio.Future[_Answer]] = {}
        self._answers: Lru[str, tuple[Sequence[str], float]] = Lru(4096)

    def known(self, host: str) -> tuple[Sequence[str] | None, float]:
        """The last answer and its age in seconds."""
        entry = self._answers.get(host)
        return (None, 0.0) if entry is None else (entry[0], self._clock() - entry[1])

    def forget(self, host: str) -> None:
        self._answers.drop(host)

    async def run(self, host: str, caller: str) -> Sequence[str]:
        """The answer of the running look-up of this name, or of a new one. A caller who leaves does not end a look-up
        that runs; a look-up that waits for its turn is given up."""
        running = self._running.get(host) or await self._started(host, caller)
        answer = await asyncio.shield(running)
        if isinstance(answer, Exception):
            raise answer.with_traceback(None)
        return answer

    async def _started(self, host: str, caller: str) -> asyncio.Future[_Answer]:
        share = self._shares.setdefault(caller, _Share(self._most_of_a_caller))
        share.users += 1
        try:
            await share.room.acquire()
            try:
                await self._room.acquire()
            except BaseException:
                share.room.release()
                raise
        except BaseException:
            self._left(caller, share)
            raise
        # Another request may have looked the same name up while this one waited for its turn.
        running = self._running.get(host) or self._found(host)
        if running is not None:
            self._ended(caller, share)
            return running
        return self._start(host, caller, share)

    def _found(self, host: str) -> asyncio.Future[_Answer] | None:
        known, age = self.known(host)
        if known is None or age >= _FRESH:
            return None
        found: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        found.set_result(known)
        return found

    def _start(self, host: str, caller: str, share: _Share) -> asyncio.Future[_Answer]:
        loop = asyncio.get_running_loop()
        running: asyncio.Future[_Answer] = loop.create_future()

        def done(answer: _Answer) -> None:
            del self._running[host]
            self._ended(caller, share)
            if not isinstance(answer, Exception):
                self._answers.put(host, (answer, self._clock()))
            running.set_result(answer)

        def work() -> None:
            answer = _answer(self._look_up, host)
            # The loop may be closed by now: a stopping gateway does not wait for a silent name server.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(done, answer)

        # A thread for each look-up, which is rare and slow anyway: a pool's threads would be waited for at the exit.
        thread = threading.Thread(target=work, name="look-up", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._ended(caller, share)
            raise OSError(f"no thread for the look-up: {error}") from None
        self._running[host] = running
        return running

    def _ended(self, caller: str, share: _Share) -> None:
        self._room.release()
        share.room.release()
        self._left(caller, share)

    def _left(self, caller: str, share: _Share) -> None:
        share.users -= 1
        if not share.users:
            del self._shares[caller]


class _Share:
    """What one caller may use. ``users`` counts the requests that wait for room or have it."""

    __slots__ = ("room", "users")

    def __init__(self, most: int) -> None:
        self.room = asyncio.Semaphore(most)
        self.users = 0


def _answer(look_up: LookUp, host: str) -> _Answer:
    try:
        return look_up(host)
    except (OSError, UnicodeError) as error:
        return error
    except Exception as error:
        # A look-up that is never answered would hold its room for ever.
        return OSError(f"the look-up failed: {type(error).__name__}")
