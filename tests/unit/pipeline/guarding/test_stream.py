"""A stream under guards gives the same bytes, however it is read: piece by piece, or handed on as it arrives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judging import Way, hooks_of
from penstock.core.failure import Failure, Kind
from penstock.core.outcome import Outcome
from penstock.dialects.framing import sse
from penstock.dialects.openai.relay.normalize_stream import StreamNormalizer
from penstock.dialects.registry import CALLERS
from penstock.dialects.stream_watch import StreamWatch
from penstock.guards.base import OutboundReply, Phase
from penstock.guards.guarded_body import GuardedBody
from penstock.pipeline.call import Answer
from penstock.pipeline.guarding.denial import DENIED
from penstock.pipeline.guarding.events import StreamGuards
from penstock.pipeline.guarding.stream import GuardedStream
from penstock.pipeline.guarding.subject import Subject, answered
from penstock.pipeline.relay import last_bytes
from penstock.transport.base import Take, hand_on, pass_on
from trials import WITH_TIME, trials
from upstream import DONE, FINISH, ROLE, chunk

pytestmark = WITH_TIME
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
    hook: dict[str, Any], pieces: Sequence[bytes], *, hands_on: bool, is_read: bool = False, normalizes: bool = False
) -> tuple[bytes, bool, bool]:
    """What the caller gets, whether the hook denied the answer, and whether it was a status of its own. ``hands_on``:
    the provider's reply hands its pieces on; ``is_read``: the judged stream is read piece by piece; ``normalizes``: the
    provider's events are normalized before."""
    reply = PlayedReply(pieces, hands_on=hands_on)
    watch = StreamWatch(DIALECT.replies.stream, normalizer=StreamNormalizer() if normalizes else None)

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
        await pass_on(answer.rest, take, told.extend)
        if normalizes:
            # Events of which the normalizer knows that they are texts alone need not come by at the watch.
            seen = StreamWatch(DIALECT.replies.stream)
            seen.feed(bytes(told))
            assert outer.ending() == seen.ending()
        else:
            # The watch knows all that has gone on.
            assert bytes(told).endswith(outer.tail())
            assert outer.tail().endswith(bytes(told[-1000:]))
        told.extend(last_bytes(answer, outer, DIALECT, "trace", stream.failure))
        assert stream.is_denied is reply.is_closed
        assert (answer.broken is not None) is (stream.is_denied or watch.error is not None)
        assert (answer.broken is DENIED) is stream.is_denied
        return bytes(told), stream.is_denied, False

    return asyncio.run(run())


def text_of(events: bytes) -> str:
    values = [json.loads(data) for _, data in sse.events(events) if data != b"[DONE]"]
    return "".join([each["delta"].get("content") or "" for value in values for each in value.get("choices", ())])


@trials(250)
@given(PIECES, st.booleans(), st.booleans())
def test_handed_on_or_read_it_is_the_same(texts: list[str], denies: bool, normalizes: bool) -> None:
    events = [*[chunk({"content": text}) for text in texts], FINISH, DONE]
    hook = {**CHECKS, "deny": denies, "stream": "hold"}
    handed, unlike, read = (
        given_out(hook, events, hands_on=hands_on, is_read=is_read, normalizes=normalizes)
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


@trials(150)
@given(PIECES, st.integers(2, 6), st.booleans(), st.booleans())
def test_several_events_of_one_read_are_as_one_after_the_other(
    texts: list[str], number: int, denies: bool, normalizes: bool
) -> None:
    events = [*[chunk({"content": text}) for text in texts], FINISH, DONE]
    reads = [b"".join(events[at : at + number]) for at in range(0, len(events), number)]
    hook = {**CHECKS, "deny": denies, "stream": "hold"}
    one, was_denied, _ = given_out(hook, events, hands_on=True, normalizes=normalizes)
    several, is_denied, _ = given_out(hook, reads, hands_on=True, normalizes=normalizes)
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


@trials(100)
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


@pytest.mark.parametrize("ends", ["by an error", "without its end", "by a closed connection"])
def test_a_provider_that_fails_has_failed_whatever_a_hook_says(ends: str) -> None:
    """A denial of what came until then hides no failure from the target's health."""
    error = b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n'
    pieces = [chunk({"content": text}) for text in (*LONG, "bad word")]
    pieces += [error] if ends == "by an error" else []
    reply, watch = PlayedReply(pieces, hands_on=False), StreamWatch(DIALECT.replies.stream)
    if ends == "by a closed connection":
        reply.failure = Failure(Kind.CONNECTION_CLOSED, "")
    hook = {**NONE, "stream": "window", "window": 100}

    async def run() -> Answer:
        inner = Answer(200, [], watch.feed(ROLE), Outcome(200), reply, watch)
        stream = GuardedStream(inner, guards_of(hook), lambda *_: inner, tells=False)
        answer, is_denied = await stream.begun()
        assert not is_denied
        told, outer = bytearray(answer.body), answer.watch
        assert answer.rest is not None
        assert outer is not None
        await pass_on(answer.rest, lambda data: told.extend(outer.feed(data)))
        told.extend(last_bytes(answer, outer, DIALECT, "trace", stream.failure))
        assert stream.is_denied
        assert b"bad word" not in told
        return answer

    broken = asyncio.run(run()).broken
    assert broken is not None
    assert broken.kind is not Kind.HOOKS_FAILED


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


def answered_by(hook: dict[str, Any], texts: Sequence[str], *more: dict[str, Any]) -> tuple[str, GuardedStream, bool]:
    """What the caller reads of a stream under hooks, the stream, and whether it was a status of its own."""
    guards = guards_of(hook)
    for other in more:
        guards = msgspec.structs.replace(guards, hooks=(*guards.hooks, *guards_of(other).hooks))
    return answered_under(guards, texts)


def answered_under(
    guards: StreamGuards, texts: Sequence[str], ends: Sequence[bytes] = (FINISH, DONE)
) -> tuple[str, GuardedStream, bool]:
    """The same; ``ends``: the pieces with which the stream ends."""
    pieces = [*[chunk({"content": text}) for text in texts], *ends]
    reply, watch = PlayedReply(pieces, hands_on=True), StreamWatch(DIALECT.replies.stream)

    async def run() -> tuple[str, GuardedStream, bool]:
        inner = Answer(200, [], watch.feed(ROLE), Outcome(200), reply, watch)
        stream = GuardedStream(inner, guards, lambda *_: Answer(446, [], b"", Outcome(446)), tells=False)
        answer, is_denied = await stream.begun()
        if is_denied:
            return "", stream, True
        told, outer = bytearray(answer.body), answer.watch
        assert answer.rest is not None
        assert outer is not None
        await pass_on(answer.rest, lambda data: told.extend(outer.feed(data)))
        return text_of(bytes(told)), stream, False

    return asyncio.run(run())


LONG = ["and so on ", *["and so forth "] * 200]
NONE: dict[str, Any] = {"contains": {"words": ["bad word"], "operator": "none"}, "deny": True}


def test_an_answer_that_is_too_long_to_wait_is_judged_in_windows() -> None:
    hook = {**NONE, "stream": "buffer", "buffer_bytes": 4000, "window": 100, "overlap": 20}
    told, stream, _ = answered_by(hook, LONG)
    assert told == "".join(LONG)
    assert [run.verdict for run in stream.runs] == [True]
    told, stream, _ = answered_by(hook, [*LONG, "a bad ", "word", *LONG])
    assert (stream.is_denied, "bad" in told, [run.denies for run in stream.runs]) == (True, False, [True])
    assert told
    assert answered_by(hook, ["a bad ", "word", *LONG])[2]


@pytest.mark.parametrize("mode", ["hold", "window", "buffer"])
@pytest.mark.parametrize("is_one_read", [True, False])
def test_what_stands_behind_any_number_of_ends_is_judged(mode: str, is_one_read: bool) -> None:
    """Some clients read on there."""
    guards = guards_of({**NONE, "stream": mode})
    for text, is_denied in (("a bad word", True), ("a word", False)):
        ends = [FINISH, DONE * 3000, chunk({"content": text}), DONE * 3000]
        ends = [b"".join(ends)] if is_one_read else ends
        told, stream, _ = answered_under(guards, ["so ", "on "], ends)
        assert (stream.is_denied, "word" in told) == (is_denied, not is_denied)
        assert is_denied or [run.verdict for run in stream.runs] == [True]


def test_a_hook_that_fails_closed_and_needs_the_whole_answer_denies_text_behind_its_end() -> None:
    closed = {"contains": {"words": ["x"], "operator": "none", "failOnError": True}, "deny": True}
    guards = guards_of({**closed, "stream": "buffer"})
    for text, is_denied in (("more", True), ("", False)):
        ends = [FINISH, DONE, chunk({"content": text}), DONE]
        told, stream, _ = answered_under(guards, ["so ", "on"], ends)
        assert (told, stream.is_denied) == ("so on", is_denied)


@pytest.mark.parametrize("mode", ["hold", "window", "buffer", "after"])
@pytest.mark.parametrize("size", [16, 3000, 10**6])
def test_the_results_stand_before_the_end_of_the_stream_whatever_its_pieces_are(mode: str, size: int) -> None:
    raw = b"".join([*[chunk({"content": text}) for text in LONG], FINISH, DONE])
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    hook = {**NONE, "stream": mode, "buffer_bytes": 4000, "window": 100, "overlap": 20}

    async def run() -> bytes:
        watch = StreamWatch(DIALECT.replies.stream)
        inner = Answer(200, [], watch.feed(ROLE), Outcome(200), PlayedReply(pieces, hands_on=True), watch)
        stream = GuardedStream(inner, guards_of(hook), lambda *_: inner, tells=True)
        answer, _ = await stream.begun()
        told = bytearray(answer.body)
        await pass_on(stream, told.extend)
        return bytes(told)

    *events, results, done = sse.blocks(asyncio.run(run()))
    assert (b"hook_results" in results, done) == (True, DONE)
    assert text_of(b"".join(events)) == "".join(LONG)
    assert not any(b"hook_results" in each for each in events)


def test_a_buffer_that_may_be_larger_than_any_loses_no_text() -> None:
    texts = ["word " * 200_000] * 6
    told, stream, _ = answered_by({**NONE, "stream": "buffer", "buffer_bytes": 10**9}, texts)
    assert told == "".join(texts)
    assert [run.verdict for run in stream.runs] == [True]


def test_a_hook_that_fails_closed_or_needs_the_whole_judges_no_window() -> None:
    closed = {"contains": {"words": ["x"], "operator": "none", "failOnError": True}, "deny": True}
    assert answered_by({**closed, "stream": "buffer", "buffer_bytes": 4000}, LONG)[2]
    changes = {"regexReplace": {"rule": "/forth/g"}, "stream": "buffer", "buffer_bytes": 4000}
    told, stream, _ = answered_by(changes, LONG)
    assert told == "".join(LONG)
    [run] = stream.runs
    assert run.checks[0].judgement.error is not None


@pytest.mark.parametrize("mode", ["hold", "window", "buffer"])
def test_a_hook_that_judges_at_the_end_sees_all_of_the_answer(mode: str) -> None:
    """Also what another hook holds back until then."""
    late = {"endsWith": {"suffix": "a bad"}, "stream": "after"}
    other = {**NONE, "stream": mode, "buffer_bytes": 4000, "window": 100}
    for texts in (["this is ", "a bad"], [*LONG, "a bad"]):
        told, stream, _ = answered_by(other, texts, late)
        assert told == "".join(texts)
        assert [run.verdict for run in stream.runs] == [True, True]


MASKS: dict[str, Any] = {"regexReplace": {"rule": "/bad/g", "redactText": "good"}, "stream": "hold"}


@pytest.mark.parametrize("mode", ["hold", "window", "buffer", "after"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_hook_that_changes_nothing_sees_what_the_provider_said(mode: str, is_first: bool) -> None:
    """As it does of a plain answer, whatever another hook makes of it."""
    denies = {**NONE, "stream": mode}
    hooks = [MASKS, denies] if is_first else [denies, MASKS]
    told, stream, _ = answered_by(hooks[0], ["so a b", "ad wo", "rd"], hooks[1])
    if mode == "after":
        assert (told, [run.verdict for run in stream.runs]) == ("so a good word", [is_first, not is_first])
    else:
        assert (stream.is_denied, "word" in told) == (True, False)
        assert any(run.denies for run in stream.runs)
    fine, stream, _ = answered_by(hooks[0], ["so b", "ad"], hooks[1])
    assert fine == "so good"
    assert [run.transformed for run in stream.runs] == [is_first, not is_first]


@pytest.mark.parametrize(("members", "is_denied"), [({}, True), ({"sequential": True}, False)])
def test_a_check_sees_what_the_one_before_it_made_in_sequence_alone(members: dict[str, Any], is_denied: bool) -> None:
    contains = {"words": ["bad word"], "operator": "none"}
    hook = {"regexReplace": MASKS["regexReplace"], "contains": contains, "deny": True, **members}
    _, stream, _ = answered_by(hook, ["a b", "ad word"])
    assert stream.is_denied is is_denied
    assert [each.check.id for run in stream.runs for each in run.checks] == ["default.regexReplace", "default.contains"]


def test_a_hook_that_may_change_an_answer_sees_what_the_one_before_it_made() -> None:
    asked: list[Any] = []

    def says(request: Any) -> OutboundReply:
        asked.append(json.loads(request.body)["response"]["text"])
        return OutboundReply(200, {}, b'{"verdict":true}')

    guards = guards_of(MASKS)
    for other in ({"webhook": {"webhookURL": "https://hook.example"}}, {"endsWith": {"suffix": "bad"}}):
        guards = msgspec.structs.replace(guards, hooks=(*guards.hooks, *guards_of(other).hooks), outbound=Way(says))
    _, stream, _ = answered_under(guards, ["so b", "ad"])
    assert asked == ["so good"]
    assert [run.verdict for run in stream.runs] == [True, True, True]


def test_a_hook_that_holds_back_does_so_beside_a_buffer_that_is_full() -> None:
    buffers = {**NONE, "stream": "buffer", "buffer_bytes": 4000, "window": 100}
    told, stream, _ = answered_by({**MASKS, "regexReplace": {"rule": "/forth/g"}}, LONG, buffers)
    assert told == "".join(LONG).replace("forth", "[REDACTED]")
    assert [(run.transformed, run.is_clean) for run in stream.runs] == [(True, True), (False, True)]


def test_a_window_that_could_not_be_judged_is_told() -> None:
    hook = {"regexMatch": {"rule": "(x|xx)+y", "not": True}, "stream": "window", "window": 60, "overlap": 0}
    told, stream, _ = answered_by(hook, ["x" * 60 + " y ", *LONG])
    assert told.startswith("xxx")
    [run] = stream.runs
    assert (run.verdict, run.is_clean) == (True, False)


@pytest.mark.parametrize("mode", ["hold", "window", "buffer", "after"])
def test_hooks_that_only_look_on_see_the_answer_as_the_provider_said_it(mode: str) -> None:
    seen: list[Any] = []

    async def look_on(subject: Subject) -> None:
        seen.append("".join([each.text for each in subject.body.segments]))

    guards = msgspec.structs.replace(guards_of({**NONE, "stream": mode}), look_on=look_on)
    if mode == "hold":
        guards = msgspec.structs.replace(guards, hooks=guards_of(MASKS).hooks)
    answered_under(guards, ["so b", "ad"])
    assert seen == ["so bad"]


def test_more_text_than_may_wait_is_told() -> None:
    hook = {"regexReplace": {"rule": "/<[a-z ]+>/g"}, "stream": "hold", "hold_chars": 50}
    told, stream, _ = answered_by(hook, ["one <", *["and so on "] * 20])
    assert told == "one <" + "and so on " * 20
    assert [check.id for _, check in stream.overflowed] == ["default.regexReplace"]
    assert list(answered_by({**hook, "hold_chars": 500}, ["one <", *["and so on "] * 20])[1].overflowed) == []


def test_what_a_guard_takes_out_never_passes_because_the_stream_broke_off() -> None:
    error = b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n'
    pieces = [ROLE, chunk({"content": "a secret"}), error]
    reply, watch = PlayedReply(pieces, hands_on=True), StreamWatch(DIALECT.replies.stream)
    guards = guards_of({"regexReplace": {"rule": "/secret/g"}, "stream": "buffer"})

    async def run() -> bytes:
        inner = Answer(200, [], b"", Outcome(200), reply, watch)
        stream = GuardedStream(inner, guards, lambda *_: inner, tells=False)
        answer, _ = await stream.begun()
        told, outer = bytearray(answer.body), answer.watch
        assert answer.rest is not None
        assert outer is not None
        await pass_on(answer.rest, lambda data: told.extend(outer.feed(data)))
        told.extend(last_bytes(answer, outer, DIALECT, "trace", stream.failure))
        assert answer.broken is not None
        return bytes(told)

    told = asyncio.run(run())
    assert b"secret" not in told
    assert b'"error"' in told


def test_a_change_that_no_stream_can_tell_withholds_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    reshape = msgspec.structs.replace(DIALECT.replies.reshape, to_stream=lambda *_: None)
    replies = msgspec.structs.replace(DIALECT.replies, reshape=reshape)
    monkeypatch.setitem(globals(), "DIALECT", msgspec.structs.replace(DIALECT, replies=replies))
    hook = {"regexReplace": {"rule": "/secret/g"}, "stream": "buffer"}
    told, stream, is_status = answered_by(hook, ["a secret"])
    assert (told, stream.is_denied, is_status) == ("", False, False)
    assert stream.failure is not None
    assert "withheld" in stream.failure.message
