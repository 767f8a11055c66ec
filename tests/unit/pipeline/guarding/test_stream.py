"""A stream under guards gives the same bytes, however it is read: piece by piece, or handed on as it arrives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judging import Way, hooks_of
from penstock.core.failure import Failure
from penstock.core.outcome import Outcome
from penstock.dialects.framing import sse
from penstock.dialects.registry import CALLERS
from penstock.dialects.stream_watch import StreamWatch
from penstock.guards.base import OutboundReply, Phase
from penstock.guards.guarded_body import GuardedBody
from penstock.pipeline.call import Answer
from penstock.pipeline.guarding.events import StreamGuards
from penstock.pipeline.guarding.stream import GuardedStream
from penstock.pipeline.guarding.subject import Subject, answered
from penstock.pipeline.relay import last_bytes
from penstock.transport.base import Take, hand_on, pass_on
from upstream import DONE, FINISH, ROLE, chunk

DIALECT = CALLERS["openai_chat"]
CHECKS = {
    "contains": {"words": ["bad word", "worse"], "operator": "none"},
    "regexMatch": {"rule": r"\d{3}-\d{2}", "not": True},
    "penstock.secrets": {},
}
PIECES = st.lists(
    st.one_of(st.text("12-ab wors", max_size=8), st.sampled_from(["bad ", "word", "AK", "sk-"])), max_size=12
)


class PlayedReply:
    """A reply in pieces. ``hands_on``: it has the method ``pass_on``."""

    status = 200
    failure: Failure | None = None

    def __init__(self, pieces: Sequence[bytes], *, hands_on: bool) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self._pieces = list(pieces)
        self.is_closed = False
        if hands_on:
            self.pass_on = self._pass_on

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces and not self.is_closed else b""

    async def _pass_on(self, take: Take) -> None:
        while self._pieces and not self.is_closed:
            await hand_on(self._pieces.pop(0), take)

    def close(self) -> None:
        self.is_closed = True


def guards_of(hook: dict[str, Any]) -> StreamGuards:
    view = DIALECT.texts
    assert view is not None
    _, hooks = hooks_of({"output_guardrails": [hook]})
    request = Subject(Phase.BEFORE, "chatComplete", "openai", GuardedBody(b"{}", list), list, lambda _: None)
    way = Way(lambda _: OutboundReply(200, {}, b""))
    return StreamGuards(
        hooks, (), partial(answered, request, view, "chatComplete"), view, "chatComplete", way, DIALECT, "trace"
    )


def given_out(
    hook: dict[str, Any], pieces: Sequence[bytes], *, hands_on: bool, is_read: bool = False
) -> tuple[bytes, bool, bool]:
    """What the caller gets, whether the hook denied the answer, and whether it was a status of its own. ``hands_on``:
    the provider's reply hands its pieces on; ``is_read``: the judged stream is read piece by piece."""
    reply, watch = PlayedReply(pieces, hands_on=hands_on), StreamWatch(DIALECT.replies.stream)

    def denial(*_: Any) -> Answer:
        return Answer(446, [], b"denied", Outcome(446))

    async def run() -> tuple[bytes, bool, bool]:
        stream = GuardedStream(
            Answer(200, [], watch.feed(ROLE), Outcome(200), reply, watch), guards_of(hook), denial, tells=False
        )
        answer, is_denied = await stream.begun()
        if is_denied:
            return answer.body, True, True
        told, outer = bytearray(answer.body), answer.watch
        assert answer.rest is not None
        assert outer is not None

        def take(data: bytes) -> None:
            told.extend(outer.feed(data))

        while is_read and (data := await answer.rest.read()):
            take(data)
        await pass_on(answer.rest, take)
        told.extend(last_bytes(answer, outer, DIALECT, "trace", stream.failure))
        assert stream.is_denied is reply.is_closed
        assert (answer.broken is not None) is (stream.is_denied or watch.error is not None)
        return bytes(told), stream.is_denied, False

    return asyncio.run(run())


def text_of(events: bytes) -> str:
    values = [json.loads(data) for _, data in sse.events(events) if data != b"[DONE]"]
    return "".join([each["delta"].get("content") or "" for value in values for each in value.get("choices", ())])


@settings(max_examples=250, deadline=None)
@given(PIECES, st.booleans())
def test_handed_on_or_read_it_is_the_same(texts: list[str], denies: bool) -> None:
    events = [*[chunk({"content": text}) for text in texts], FINISH, DONE]
    hook = {**CHECKS, "deny": denies, "stream": "hold"}
    handed, unlike, read = (
        given_out(hook, events, hands_on=hands_on, is_read=is_read)
        for hands_on, is_read in ((True, False), (False, False), (True, True))
    )
    assert handed == unlike == read
    body, is_denied, is_status = handed
    if not is_denied:
        assert text_of(body) == "".join(texts)
        assert body.endswith(FINISH + DONE)
    elif not is_status:
        assert "".join(texts).startswith(text_of(body))
        assert DONE not in body


@settings(max_examples=150, deadline=None)
@given(PIECES, st.integers(2, 6), st.booleans())
def test_several_events_of_one_read_are_as_one_after_the_other(texts: list[str], number: int, denies: bool) -> None:
    events = [*[chunk({"content": text}) for text in texts], FINISH, DONE]
    reads = [b"".join(events[at : at + number]) for at in range(0, len(events), number)]
    hook = {**CHECKS, "deny": denies, "stream": "hold"}
    one, was_denied, _ = given_out(hook, events, hands_on=True)
    several, is_denied, _ = given_out(hook, reads, hands_on=True)
    assert is_denied is was_denied
    if not is_denied:
        assert several == one


@pytest.mark.parametrize("bad", [b"\x01", b"\t", b"\\x"])
def test_a_chunk_that_is_no_json_ends_the_stream_like_any_other(bad: bytes) -> None:
    odd = chunk({"content": "Q"}).replace(b"Q", bad)
    events = [chunk({"content": "fine "}), chunk({"content": "so far "}), odd, FINISH, DONE]
    hook = {**CHECKS, "deny": True, "stream": "hold"}
    handed, read = (given_out(hook, events, hands_on=True, is_read=is_read) for is_read in (False, True))
    assert handed == read
    assert b"no JSON" in handed[0]
    assert DONE not in handed[0]


@settings(max_examples=100, deadline=None)
@given(PIECES, st.integers(1, 300))
def test_whatever_the_pieces_are(texts: list[str], size: int) -> None:
    stream = b"".join([*[chunk({"content": text}) for text in texts], FINISH, DONE])
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    hook = {**CHECKS, "deny": True, "stream": "hold"}
    body, is_denied, _ = given_out(hook, pieces, hands_on=True)
    whole, was_denied, _ = given_out(hook, [stream], hands_on=False)
    assert is_denied is was_denied
    if not is_denied:
        assert text_of(body) == text_of(whole) == "".join(texts)
        assert body.endswith(FINISH + DONE)


@pytest.mark.parametrize("mode", ["hold", "window", "buffer", "after"])
def test_an_error_in_the_middle_is_seen_behind_the_guards(mode: str) -> None:
    error = b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n'
    pieces = [chunk({"content": "fine "}), chunk({"content": "so far "}), error]
    reply, watch = PlayedReply(pieces, hands_on=True), StreamWatch(DIALECT.replies.stream)

    async def run() -> Answer:
        inner = Answer(200, [], watch.feed(ROLE), Outcome(200), reply, watch)
        stream = GuardedStream(inner, guards_of({**CHECKS, "stream": mode}), lambda *_: inner, tells=False)
        answer, _ = await stream.begun()
        told, outer = bytearray(answer.body), answer.watch
        assert answer.rest is not None
        assert outer is not None
        await pass_on(answer.rest, lambda data: told.extend(outer.feed(data)))
        told.extend(last_bytes(answer, outer, DIALECT, "trace", stream.failure))
        assert b"overloaded" in told
        return answer

    assert asyncio.run(run()).broken is not None


@pytest.mark.parametrize("mode", ["hold", "window", "after"])
@pytest.mark.parametrize("hands_on", [True, False])
def test_an_event_that_is_too_long_to_be_judged_ends_the_stream(
    monkeypatch: pytest.MonkeyPatch, mode: str, hands_on: bool
) -> None:
    monkeypatch.setattr("penstock.pipeline.guarding.stream.MAX_FRAME", 300_000)
    long = chunk({"content": "bad word " * 100_000})
    pieces = [
        chunk({"content": "so far"}),
        *(long[at : at + 50_000] for at in range(0, len(long), 50_000)),
        FINISH,
        DONE,
    ]
    reply, watch = PlayedReply(pieces, hands_on=hands_on), StreamWatch(DIALECT.replies.stream)

    async def run() -> tuple[bytes, Answer, Failure | None]:
        inner = Answer(200, [], watch.feed(ROLE), Outcome(200), reply, watch)
        stream = GuardedStream(inner, guards_of({**CHECKS, "stream": mode}), lambda *_: inner, tells=False)
        answer, _ = await stream.begun()
        told, outer = bytearray(answer.body), answer.watch
        assert answer.rest is not None
        assert outer is not None
        await pass_on(answer.rest, lambda data: told.extend(outer.feed(data)))
        told.extend(last_bytes(answer, outer, DIALECT, "trace", stream.failure))
        return bytes(told), answer, stream.failure

    told, answer, failure = asyncio.run(run())
    assert text_of(told).startswith("so far")
    if mode == "after":
        assert (b"bad word" in told, told.endswith(DONE), failure) == (True, True, None)
    else:
        assert (b"bad word" in told, DONE in told, reply.is_closed) == (False, False, True)
        assert failure is not None
        assert b"can't read" in told
        assert answer.broken is not None
