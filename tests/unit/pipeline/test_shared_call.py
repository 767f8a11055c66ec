"""A shared call: every caller gets every byte, nobody's leaving hurts another, the last one's ends it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import tracemalloc
import weakref
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.core.outcome import Outcome
from penstock.core.usage import Usage
from penstock.dialects.framing.sse import completed
from penstock.dialects.registry import CALLERS
from penstock.dialects.stream_watch import StreamWatch
from penstock.pipeline.call import Answer
from penstock.pipeline.shared_call import Follower, SharedCall

LOOPS = [asyncio.new_event_loop, uvloop.new_event_loop]
CUT = Failure(Kind.TRUNCATED, "The provider broke its response off.", sent=True)
LIMIT = 1 << 20


class Upstream:
    """A ``Reply`` that the test sends piece by piece. ``taken`` counts the bytes that were fetched."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: Headers = [(b"content-type", b"text/plain"), (b"x-upstream", b"1")]
        self.failure: Failure | None = None
        self.closed = False
        self.taken = 0
        self._pieces: deque[bytes | BaseException] = deque()
        self._over = False
        self._waiter: asyncio.Future[None] | None = None

    def send(self, *pieces: bytes | BaseException) -> None:
        self._pieces += pieces
        self._wake()

    def end(self, failure: Failure | None = None) -> None:
        self.failure = failure
        self._over = True
        self._wake()

    async def read(self) -> bytes:
        while not (self._pieces or self._over or self.closed):
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self.closed or not self._pieces:
            return b""
        piece = self._pieces.popleft()
        if isinstance(piece, BaseException):
            raise piece
        self.taken += len(piece)
        return piece

    def close(self) -> None:
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Takeoff:
    """A flight with a test at its controls: ``head`` lets ``run`` return or raise, ``completed`` collects its landings."""

    def __init__(self, limit: int = LIMIT, grace: float = 0.0) -> None:
        loop = asyncio.get_running_loop()
        self.runs = 0
        self.over = loop.create_future()
        self.landings = 0
        self.upstream = Upstream()
        self._head: asyncio.Future[Answer] = loop.create_future()
        self.shared_call = SharedCall(self._run, limit, self._completed, grace)

    def head(self, body: bytes = b"", **more: Any) -> None:
        shared = answer(body, self.upstream)
        for name, value in more.items():
            setattr(shared, name, value)
        self._head.set_result(shared)

    def whole(self, body: bytes) -> None:
        self._head.set_result(answer(body))

    def crash(self, error: Exception) -> None:
        self._head.set_exception(error)

    async def joined(self, count: int = 1) -> list[asyncio.Task[Answer]]:
        """Callers that wait for the head."""
        tasks = [asyncio.get_running_loop().create_task(self.shared_call.join()) for _ in range(count)]
        await turns()
        return tasks

    async def carrying(self, body: bytes = b"", **more: Any) -> Answer:
        """The answer of one caller, whose body is still arriving."""
        (caller,) = await self.joined()
        self.head(body, **more)
        return await caller

    async def carrying_both(self, body: bytes = b"", **more: Any) -> list[Answer]:
        waiting = await self.joined(2)
        self.head(body, **more)
        return await asyncio.gather(*waiting)

    async def _run(self) -> Answer:
        self.runs += 1
        return await self._head

    def _completed(self, shared_call: SharedCall) -> None:
        assert shared_call is self.shared_call
        assert shared_call.over
        self.landings += 1
        if not self.over.done():
            self.over.set_result(None)


def answer(body: bytes, rest: Upstream | None = None) -> Answer:
    headers = [(b"content-type", b"text/plain")]
    return Answer(200, headers, body, Outcome(200), rest=rest, usage=Usage(1, 2, 3), model="m", dropped=("top_k",))


def watch(hold: int = 256 << 10) -> StreamWatch:
    """A watch that lets an event of more than ``hold`` bytes through in pieces."""
    made = StreamWatch(CALLERS["openai_chat"].replies.stream)
    made._hold = hold
    return made


async def turns(count: int = 8) -> None:
    """Let every task run as far as it gets."""
    for _ in range(count):
        await asyncio.sleep(0)


async def delivered(own: Answer) -> tuple[bytes, Failure | None]:
    """All that a caller is given (as server/respond.py does it), and how it ended."""
    got = own.body
    if own.rest is None:
        return got, None
    while data := await own.rest.read():
        got += data if own.watch is None else own.watch.feed(data)
    if own.watch is not None and own.rest.failure is None:
        got += own.watch.finish()
    own.close()
    return got, own.rest.failure


def reports() -> list[dict[str, Any]]:
    """What the event loop was told of errors that nobody caught, from now on."""
    found: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: found.append(context))
    return found


async def test_a_thousand_callers_share_one_call() -> None:
    takeoff = Takeoff()
    waiting = await takeoff.joined(1000)
    takeoff.head(b"a")
    callers = [asyncio.ensure_future(delivered(own)) for own in await asyncio.gather(*waiting)]
    for piece in (b"b" * 1000, b"c", b"d" * 200_000):
        takeoff.upstream.send(piece)
        await turns()
    takeoff.upstream.end()
    assert set(await asyncio.gather(*callers)) == {(b"a" + b"b" * 1000 + b"c" + b"d" * 200_000, None)}
    assert (takeoff.runs, takeoff.landings) == (1, 1)


async def test_each_caller_has_an_answer_of_its_own() -> None:
    takeoff = Takeoff()
    one, other = await takeoff.carrying_both(b"a")
    one.headers.append((b"x-mine", b"1"))
    one.outcome = Outcome(500)
    late = await takeoff.shared_call.join()
    for own in (other, late):
        assert own.headers == [(b"content-type", b"text/plain")]
        assert own.outcome == Outcome(200)
        assert (own.status, own.model, own.usage, own.dropped) == (200, "m", Usage(1, 2, 3), ("top_k",))
        assert own.rest is not None
        assert own.rest is not one.rest
        assert (own.rest.status, own.rest.headers) == (200, takeoff.upstream.headers)
    takeoff.shared_call.abandon()


@pytest.mark.parametrize("judged", [None, CUT])
async def test_the_shared_answer_is_released_once_and_last(judged: Failure | None) -> None:
    released: list[Failure | None] = []
    upstream = Upstream()

    async def run() -> Answer:
        shared = answer(b"a", upstream)
        shared.on_close = (released.append,)
        return shared

    def completed(shared_call: SharedCall) -> None:
        assert released == []
        assert shared_call.answer is not None
        shared_call.answer.broken = shared_call.answer.broken or judged

    shared_call = SharedCall(run, LIMIT, completed)
    one, other = await asyncio.gather(shared_call.join(), shared_call.join())
    one.close()
    upstream.end()
    await delivered(other)
    assert released == [judged]


@pytest.mark.parametrize("failure", [None, CUT])
async def test_a_reply_that_broke_off_is_released_as_broken(failure: Failure | None) -> None:
    released: list[Failure | None] = []
    takeoff = Takeoff()
    (caller,) = await takeoff.joined()
    takeoff.head(b"a", on_close=(released.append,))
    takeoff.upstream.end(failure)
    await delivered(await caller)
    assert released == [failure]


async def test_a_call_that_everyone_left_is_released_unbroken() -> None:
    released: list[Failure | None] = []
    takeoff = Takeoff()
    (await takeoff.carrying(b"a", on_close=(released.append,))).close()
    await turns()
    assert released == [None]


async def test_what_one_caller_skips_is_not_counted_for_another() -> None:
    takeoff = Takeoff()
    one, other = await takeoff.carrying_both(b"a", watch=watch())
    assert one.watch is not None
    assert other.watch is not None
    assert one.watch.feed(b"data: {\n\n") == b""
    assert (one.watch.skipped, other.watch.skipped) == (1, 0)
    takeoff.shared_call.abandon()


async def test_a_plain_answer_is_over_at_once() -> None:
    takeoff = Takeoff()
    waiting = await takeoff.joined(2)
    takeoff.whole(b"whole")
    answers = [*await asyncio.gather(*waiting), await takeoff.shared_call.join()]
    assert [(own.body, own.rest) for own in answers] == [(b"whole", None)] * 3
    assert len({id(own.headers) for own in answers}) == 3
    assert (takeoff.shared_call.finished, takeoff.shared_call.failure, takeoff.shared_call.body) == (
        True,
        None,
        b"whole",
    )
    assert takeoff.landings == 1


async def test_callers_may_join_in_every_phase() -> None:
    takeoff = Takeoff()
    (first,) = await takeoff.joined()
    takeoff.head(b"1")
    callers = [asyncio.ensure_future(delivered(await first))]
    for piece in (b"2", b"3" * 300_000, b"4"):
        callers.append(asyncio.ensure_future(delivered(await takeoff.shared_call.join())))
        takeoff.upstream.send(piece)
        await turns()
    takeoff.upstream.end()
    await takeoff.over
    callers.append(asyncio.ensure_future(delivered(await takeoff.shared_call.join())))
    whole = b"12" + b"3" * 300_000 + b"4"
    assert set(await asyncio.gather(*callers)) == {(whole, None)}
    assert takeoff.shared_call.body == whole


async def test_catching_up_comes_in_bounded_pieces() -> None:
    takeoff = Takeoff()
    first = asyncio.ensure_future(takeoff.shared_call.join())
    takeoff.head()
    takeoff.upstream.send(b"x" * 500_000)
    await turns()
    late = await takeoff.shared_call.join()
    assert late.rest is not None
    assert len(await late.rest.read()) <= 64 << 10
    late.close()
    (await first).close()


async def test_the_first_caller_may_leave_before_the_head() -> None:
    takeoff = Takeoff()
    leader, follower = await takeoff.joined(2)
    leader.cancel()
    await turns()
    takeoff.head(b"a")
    caller = asyncio.ensure_future(delivered(await follower))
    takeoff.upstream.end()
    assert await caller == (b"a", None)
    assert leader.cancelled()


async def test_the_first_caller_may_leave_after_the_head() -> None:
    takeoff = Takeoff()
    leader, follower = await takeoff.carrying_both(b"a")
    leader.close()
    takeoff.upstream.send(b"b")
    takeoff.upstream.end()
    assert await delivered(follower) == (b"ab", None)
    assert takeoff.shared_call.finished


async def test_the_last_to_leave_before_the_head_cancels_the_call() -> None:
    takeoff = Takeoff()
    waiting = await takeoff.joined(2)
    for caller in waiting:
        caller.cancel()
    await turns()
    assert (takeoff.shared_call.abandoned, takeoff.shared_call.finished, takeoff.landings) == (True, False, 1)
    assert takeoff._head.cancelled()
    assert not takeoff.shared_call.joinable
    with pytest.raises(RuntimeError, match="joined"):
        await takeoff.shared_call.join()


async def test_a_call_given_up_before_it_began_is_never_made() -> None:
    takeoff = Takeoff()
    caller = asyncio.ensure_future(takeoff.shared_call.join())
    takeoff.shared_call.abandon()
    with pytest.raises(RuntimeError):
        await caller
    assert (takeoff.runs, takeoff.landings) == (0, 1)


async def test_the_last_to_leave_after_the_head_closes_the_upstream_at_once() -> None:
    takeoff = Takeoff()
    one, other = await takeoff.carrying_both(b"a")
    await turns()
    seen = []
    for own in (one, one, other):
        own.close()
        seen.append(takeoff.upstream.closed)
    assert seen == [False, False, True]
    assert (takeoff.shared_call.abandoned, takeoff.landings) == (True, 1)
    assert other.rest is not None
    assert await other.rest.read() == b""


async def test_a_caller_cancelled_in_the_moment_of_the_head_does_not_stay_on_board() -> None:
    takeoff = Takeoff()
    (caller,) = await takeoff.joined()
    takeoff.head(b"a")
    await turns(1)
    assert takeoff.shared_call.answer is not None
    assert not caller.done()
    caller.cancel()
    await turns()
    assert caller.cancelled()
    assert takeoff.upstream.closed
    assert takeoff.shared_call.abandoned


async def test_a_caller_cancelled_in_the_moment_of_an_error_has_seen_it() -> None:
    reported = reports()
    takeoff = Takeoff()
    (caller,) = await takeoff.joined()
    takeoff.crash(ValueError("a defect"))
    await turns(1)
    assert takeoff.shared_call.over
    assert not caller.done()
    caller.cancel()
    await turns()
    assert caller.cancelled()
    assert reported == []


async def test_the_request_is_let_go_of_once_the_head_is_there() -> None:
    upstream = Upstream()

    async def run() -> Answer:
        return answer(b"a", upstream)

    shared_call, held = SharedCall(run, LIMIT, lambda _: None), weakref.ref(run)
    del run
    own = await shared_call.join()
    assert held() is None
    own.close()


async def test_a_call_that_ends_although_it_was_cancelled_is_closed() -> None:
    upstream = Upstream()

    async def stubborn() -> Answer:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.get_running_loop().create_future()
        return answer(b"a", upstream)

    shared_call = SharedCall(stubborn, LIMIT, lambda _: None)
    caller = asyncio.ensure_future(shared_call.join())
    await turns()
    caller.cancel()
    await turns()
    assert upstream.closed
    assert shared_call.answer is None


async def test_a_failure_in_the_middle_reaches_everyone() -> None:
    takeoff = Takeoff()
    waiting = await takeoff.joined(3)
    takeoff.head(b"a")
    answers = await asyncio.gather(*waiting)
    takeoff.upstream.send(b"b")
    takeoff.upstream.end(CUT)
    assert [own.rest.failure for own in answers if own.rest is not None] == [None] * 3
    ends = await asyncio.gather(*map(delivered, answers))
    late = await delivered(await takeoff.shared_call.join())
    assert [*ends, late] == [(b"ab", CUT)] * 4
    assert (takeoff.shared_call.finished, takeoff.shared_call.failure) == (True, CUT)


async def test_what_run_raises_reaches_everyone_who_waits() -> None:
    reported = reports()
    takeoff = Takeoff()
    waiting = await takeoff.joined(3)
    error = ValueError("a defect")
    takeoff.crash(error)
    waiting[0].cancel()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert results[1:] == [error, error]
    assert isinstance(results[0], asyncio.CancelledError)
    assert (takeoff.shared_call.abandoned, takeoff.shared_call.joinable, takeoff.landings) == (True, False, 1)
    assert reported == []


async def test_what_run_raises_is_reported_when_nobody_waits() -> None:
    reported = reports()
    takeoff = Takeoff(grace=3600)
    (caller,) = await takeoff.joined()
    caller.cancel()
    await turns()
    error = ValueError("a defect")
    takeoff.crash(error)
    await takeoff.over
    await turns()
    assert [context["exception"] for context in reported] == [error]


async def test_a_defect_in_the_middle_is_told_and_reported() -> None:
    reported = reports()
    takeoff = Takeoff()
    (caller,) = await takeoff.joined()
    takeoff.head(b"a")
    error = ValueError("a defect")
    takeoff.upstream.send(b"b", error)
    got, failure = await delivered(await caller)
    await turns()
    assert got == b"ab"
    assert failure is not None
    assert failure.kind is Kind.INTERNAL
    assert [context["exception"] for context in reported] == [error]
    assert takeoff.upstream.closed


async def test_the_gateway_may_stop_it() -> None:
    takeoff = Takeoff()
    own = await takeoff.carrying(b"a")
    takeoff.upstream.send(b"b")
    await turns()
    takeoff.shared_call.abandon()
    takeoff.shared_call.abandon()
    got, failure = await delivered(own)
    assert got == b"ab"
    assert failure is not None
    assert failure.kind is Kind.SHUTTING_DOWN
    assert (takeoff.upstream.closed, takeoff.landings) == (True, 1)


@pytest.mark.parametrize("by_its_owner", [True, False])
async def test_who_waits_for_the_head_of_a_cancelled_call_is_cancelled(by_its_owner: bool) -> None:
    before = asyncio.all_tasks()
    takeoff = Takeoff()
    (flying,) = asyncio.all_tasks() - before
    (caller,) = await takeoff.joined()
    if by_its_owner:
        takeoff.shared_call.abandon()
    else:
        flying.cancel()
    await asyncio.wait({caller, flying})
    assert caller.cancelled()
    assert flying.cancelled()
    assert (takeoff.shared_call.abandoned, takeoff.landings) == (True, 1)


async def test_a_slow_follower_holds_the_provider_back_only_past_the_limit() -> None:
    takeoff = Takeoff(limit=100)
    fast, slow = await takeoff.carrying_both()
    reading = asyncio.ensure_future(delivered(fast))
    takeoff.upstream.send(*[b"x" * 30] * 10)
    await turns(50)
    assert takeoff.upstream.taken == 120
    assert slow.rest is not None
    assert len(await slow.rest.read()) == 120
    await turns(50)
    assert takeoff.upstream.taken == 240
    assert not reading.done()
    slow.close()
    takeoff.upstream.end()
    assert await reading == (b"x" * 300, None)


async def test_past_the_limit_nobody_joins_and_nothing_is_kept() -> None:
    takeoff = Takeoff(limit=100)
    own = await takeoff.carrying(b"x" * 100)
    (await takeoff.shared_call.join()).close()
    takeoff.upstream.send(b"y" * 20)
    await turns()
    with pytest.raises(RuntimeError):
        await takeoff.shared_call.join()
    takeoff.upstream.end()
    assert await delivered(own) == (b"x" * 100 + b"y" * 20, None)
    assert (takeoff.shared_call.finished, takeoff.shared_call.failure, takeoff.shared_call.body) == (True, None, None)


async def test_past_the_limit_what_everyone_has_read_is_forgotten() -> None:
    takeoff = Takeoff(limit=10_000)
    own = await takeoff.carrying()
    assert own.rest is not None
    tracemalloc.start()
    try:
        for _ in range(100):
            takeoff.upstream.send(bytes(50_000))
            assert len(await own.rest.read()) == 50_000
        assert tracemalloc.get_traced_memory()[0] < 500_000
    finally:
        tracemalloc.stop()
    own.close()


async def test_a_finished_answer_is_held_once() -> None:
    takeoff = Takeoff()
    own = await takeoff.carrying()
    tracemalloc.start()
    try:
        takeoff.upstream.send(bytes(500_000))
        takeoff.upstream.end()
        await takeoff.over
        assert tracemalloc.get_traced_memory()[0] < 700_000
    finally:
        tracemalloc.stop()
    own.close()


async def test_a_flight_that_is_kept_holds_no_follower_of_the_past() -> None:
    def followers() -> int:
        return sum(isinstance(held, Follower) for held in gc.get_objects())

    takeoff = Takeoff()
    (caller,) = await takeoff.joined()
    takeoff.head(b"a")
    takeoff.upstream.end()
    await delivered(await caller)
    gc.collect()
    before = followers()
    for _ in range(3):
        await delivered(await takeoff.shared_call.join())
    assert followers() == before


async def test_a_plain_answer_past_the_limit_is_given_out_but_not_kept() -> None:
    takeoff = Takeoff(limit=3)
    (caller,) = await takeoff.joined()
    takeoff.whole(b"whole")
    assert (await caller).body == b"whole"
    assert (takeoff.shared_call.finished, takeoff.shared_call.body, takeoff.shared_call.joinable) == (True, None, False)


async def test_it_goes_on_alone_and_can_be_joined_again() -> None:
    takeoff = Takeoff(grace=3600)
    (first,) = await takeoff.joined()
    first.cancel()
    await turns()
    (second,) = await takeoff.joined()
    takeoff.head(b"a")
    (await second).close()
    takeoff.upstream.send(b"b")
    await turns()
    third = await takeoff.shared_call.join()
    takeoff.upstream.send(b"c")
    takeoff.upstream.end()
    assert await delivered(third) == (b"abc", None)
    assert takeoff.runs == 1


async def test_who_joins_again_is_not_left_behind() -> None:
    takeoff = Takeoff(grace=0.5)
    (await takeoff.carrying(b"a")).close()
    again = await takeoff.shared_call.join()
    later = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.6, later.set_result, None)
    await later
    assert not takeoff.shared_call.over
    again.close()
    await takeoff.over


async def test_it_may_reach_its_end_alone() -> None:
    takeoff = Takeoff(grace=3600)
    (await takeoff.carrying(b"a")).close()
    takeoff.upstream.send(b"b")
    takeoff.upstream.end()
    await takeoff.over
    assert (takeoff.shared_call.finished, takeoff.shared_call.body, takeoff.landings) == (True, b"ab", 1)
    assert await delivered(await takeoff.shared_call.join()) == (b"ab", None)


async def test_nobody_comes_back() -> None:
    takeoff = Takeoff(grace=0.001)
    (await takeoff.carrying(b"a")).close()
    assert takeoff.shared_call.joinable
    await takeoff.over
    assert takeoff.upstream.closed
    assert (takeoff.shared_call.abandoned, takeoff.shared_call.joinable, takeoff.landings) == (True, False, 1)


async def test_it_does_not_go_on_alone_for_nobody() -> None:
    reported = reports()
    takeoff = Takeoff(limit=10, grace=3600)
    (await takeoff.carrying(b"a")).close()
    takeoff.upstream.send(b"b" * 20)
    await takeoff.over
    await turns()
    assert (takeoff.shared_call.abandoned, takeoff.shared_call.finished) == (True, False)
    assert takeoff.shared_call.failure is not None
    assert takeoff.shared_call.failure.kind is Kind.CLIENT_DISCONNECTED
    assert takeoff.upstream.closed
    assert reported == []


async def test_leaving_past_the_limit_ends_it_without_lingering() -> None:
    takeoff = Takeoff(limit=10, grace=3600)
    (await takeoff.carrying(b"a" * 20)).close()
    assert takeoff.shared_call.abandoned
    assert takeoff.upstream.closed


async def test_closing_wakes_a_read_under_way() -> None:
    takeoff = Takeoff()
    own = await takeoff.carrying(b"a")
    assert own.rest is not None
    reading = asyncio.ensure_future(own.rest.read())
    await turns()
    own.close()
    assert await reading == b""


async def test_a_stream_is_cut_for_each_as_it_is_for_the_first() -> None:
    """The head of a stream may end within an event, which the watch then holds back."""
    takeoff = Takeoff()
    first_watch = watch()
    (caller,) = await takeoff.joined()
    takeoff.head(first_watch.feed(b"data: 1\n\ndata: "), watch=first_watch)
    first = await caller
    assert first.body == b"data: 1\n\n"
    takeoff.upstream.send(b"2\n\ndata: [DO")
    await turns()
    late = await takeoff.shared_call.join()
    takeoff.upstream.send(b"NE]\n\n")
    takeoff.upstream.end()
    for own in (first, late):
        assert await delivered(own) == (b"data: 1\n\ndata: 2\n\ndata: [DONE]\n\n", None)
        assert own.watch is not None
        assert own.watch.ending() == (True, None)
    assert takeoff.shared_call.body == b"data: 1\n\ndata: 2\n\ndata: [DONE]\n\n"


async def test_a_head_within_a_long_event_leaves_it_open_for_each() -> None:
    takeoff = Takeoff()
    first_watch = watch(hold=10)
    begin = b'data: "0123456789'
    one, other = await takeoff.carrying_both(first_watch.feed(begin), watch=first_watch)
    takeoff.upstream.send(b'abc"\n\n')
    takeoff.upstream.end()
    assert one.watch is not None
    assert other.watch is not None
    assert (one.watch.mid_event, other.watch.mid_event) == (True, True)
    assert await delivered(one) == (begin + b'abc"\n\n', None)
    assert (one.watch.mid_event, other.watch.mid_event) == (False, True)
    assert await delivered(other) == (begin + b'abc"\n\n', None)


async def test_what_passed_before_the_head_is_known_to_each() -> None:
    takeoff = Takeoff()
    first_watch = watch()
    done = b"data: [DONE]\n\n"
    own = await takeoff.carrying(first_watch.feed(done), watch=first_watch)
    assert own.watch is not None
    assert own.watch is not first_watch
    assert own.watch.ending() == (True, None)
    own.close()


STEPS = st.one_of(
    st.tuples(st.sampled_from(["send", "head"]), st.integers(0, 40)),
    st.tuples(st.sampled_from(["join", "turn"]), st.just(0)),
    st.tuples(st.sampled_from(["read", "leave"]), st.integers(0, 5)),
)


class Caller:
    """A caller that joins, reads and leaves when it is told to."""

    def __init__(self, shared_call: SharedCall) -> None:
        self.got = b""
        self.turned_away = False
        self._flight = shared_call
        self._own: Answer | None = None
        self._joining = asyncio.ensure_future(self._join())
        self._reading: asyncio.Task[bool] | None = None

    def read(self) -> None:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.ensure_future(self._read())

    async def leave(self) -> None:
        for task in (self._joining, self._reading):
            if task is not None and task.cancel():
                await asyncio.wait({task})
        self._close()

    async def finish(self) -> None:
        if self._reading is not None:
            await self._reading
        while await self._read():
            pass
        if self._own is not None and self._own.watch is not None:
            self.got += self._own.watch.finish()
        self._close()

    async def _join(self) -> None:
        if self._flight.joinable:
            self._own = await self._flight.join()
            self.got = self._own.body
        else:
            self.turned_away = True

    async def _read(self) -> bool:
        await asyncio.shield(self._joining)
        if self._own is None or self._own.rest is None:
            return False
        data = await self._own.rest.read()
        self.got += data if self._own.watch is None else self._own.watch.feed(data)
        return bool(data)

    def _close(self) -> None:
        if self._own is not None:
            self._own.close()


class Play:
    """Takes steps in any order: callers come, read and leave, the head and the pieces of the body arrive."""

    def __init__(self, limit: int, grace: float, *, stream: bool) -> None:
        self.takeoff = Takeoff(limit, grace)
        self.callers = [Caller(self.takeoff.shared_call)]
        self.gone: list[Caller] = []
        self.whole = b""
        self._stream = stream
        self._begun = False

    async def step(self, name: str, value: int) -> None:
        if name == "send":
            self._send(value)
        elif name == "head":
            self._head(value)
        elif name == "join":
            self.callers.append(Caller(self.takeoff.shared_call))
        elif name == "turn":
            await turns(1)
        elif value < len(self.callers) and name == "read":
            self.callers[value].read()
        elif value < len(self.callers) and name == "leave":
            self.gone.append(self.callers.pop(value))
            await self.gone[-1].leave()

    def _send(self, value: int) -> None:
        number = len(self.whole)
        piece = b": %d\n\n" % number if value > 20 else b"%d\n" % number * (value + 1)
        self.whole += piece
        self.takeoff.upstream.send(piece)

    def _head(self, value: int) -> None:
        """The head comes with a first part of the body, which a stream's watch may have held back in part."""
        if self._begun or self.takeoff.shared_call.over:
            return
        self._begun = True
        body = b": 11111\n\n: 2222222222222222222222222222222"[:value]
        self.whole = body + self.whole
        first_watch = watch(hold=20) if self._stream else None
        self.takeoff.head(body if first_watch is None else first_watch.feed(body), watch=first_watch)


async def play(steps: list[tuple[str, int]], limit: int, grace: float, stream: bool) -> None:
    """Any interleaving, then the end: who stayed has everything, who left a beginning of it."""
    played = Play(limit, grace, stream=stream)
    await turns(1)
    for name, value in [*steps, ("head", 0)]:
        await played.step(name, value)
    takeoff, whole = played.takeoff, played.whole
    takeoff.upstream.end()
    await asyncio.gather(*[caller.finish() for caller in played.callers])
    told = {whole, completed(whole)} if stream else {whole}
    assert all(bytes(caller.got) in told for caller in played.callers if not caller.turned_away)
    assert all(whole.startswith(caller.got) for caller in played.gone)
    if takeoff.shared_call.body is not None:
        assert takeoff.shared_call.body == whole
    takeoff.shared_call.abandon()
    await turns()
    assert takeoff.landings == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("loop", LOOPS)
@given(st.lists(STEPS, max_size=40), st.sampled_from([0, 20, 60, LIMIT]), st.sampled_from([0.0, 3600.0]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_interleaving_delivers_everything_to_who_stays(
    loop: Callable[[], asyncio.AbstractEventLoop],
    steps: list[tuple[str, int]],
    limit: int,
    grace: float,
    stream: bool,
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(play(steps, limit, grace, stream))


async def fly_to_the_end() -> None:
    takeoff = Takeoff(grace=3600)
    waiting = await takeoff.joined(3)
    waiting.pop().cancel()
    takeoff.head(b"a", watch=watch())
    answers = await asyncio.gather(*waiting)
    takeoff.upstream.send(b"data: b\n\n")
    await turns()
    answers.pop().close()
    takeoff.upstream.end(CUT)
    for own in answers:
        await delivered(own)


async def fly_past_the_limit() -> None:
    takeoff = Takeoff(limit=2)
    fast, slow = await takeoff.carrying_both(b"a")
    takeoff.upstream.send(b"b", b"c", b"d")
    takeoff.upstream.end()
    await asyncio.gather(delivered(fast), delivered(slow))


async def leave_before_the_head() -> None:
    takeoff = Takeoff()
    for caller in await takeoff.joined(2):
        caller.cancel()
    await turns()


async def leave_after_the_head() -> None:
    takeoff = Takeoff(grace=0.001)
    (await takeoff.carrying(b"a")).close()
    await takeoff.over


async def crash() -> None:
    async def run() -> Answer:
        await turns()
        raise ValueError("a defect")

    shared_call = SharedCall(run, LIMIT, lambda _: None)
    await asyncio.gather(shared_call.join(), shared_call.join(), return_exceptions=True)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize(
    "flown", [fly_to_the_end, fly_past_the_limit, leave_before_the_head, leave_after_the_head, crash]
)
def test_nothing_is_left_to_the_garbage_collector(
    flown: Callable[[], Coroutine[Any, Any, None]], loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def count() -> int:
        await flown()
        await turns()
        gc.collect()
        gc.disable()
        try:
            await flown()
            await turns()
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return gc.collect()
        finally:
            gc.enable()

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(count()) == 0
