"""A stream, watched as it passes: its bytes are its own, save for events that no client can read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calling import CHUNK, DONE, STOP, STREAMS, USAGE
from normalizing import ROLE, chunk, sse
from penstock.core.failure import Failure, Kind
from penstock.core.outcome import ErrorClass
from penstock.dialects.caller import CallerDialect, EventPattern
from penstock.dialects.openai.relay.normalize_stream import StreamNormalizer
from penstock.dialects.registry import CALLERS
from penstock.dialects.stream_watch import StreamWatch

DIALECTS = pytest.mark.parametrize("dialect", CALLERS.values(), ids=CALLERS)
OPENAI = CALLERS["openai_chat"].replies.stream
GARBAGE = b"data: {nonsense\n\n"
TEXT = b'data: {"choices": [{"index": 0, "delta": {"content": "Hi"}}]}\n\n'


def pieces_of(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@DIALECTS
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_bytes_pass_as_they_came_event_by_event(dialect: CallerDialect, size: int) -> None:
    stream = b"".join(STREAMS[dialect.name])
    watch = StreamWatch(dialect.replies.stream)
    passed = [watch.feed(piece) for piece in pieces_of(stream, size)]
    assert b"".join(passed) + watch.finish() == stream
    assert all(not piece or piece.endswith(b"\n\n") for piece in passed)
    finished, usage = watch.ending()
    assert (finished, usage is not None and (usage.prompt, usage.completion)) == (True, (3, 2))
    assert (watch.error, watch.skipped) == (None, 0)


@DIALECTS
@pytest.mark.parametrize("size", [1, 10_000])
def test_content_is_counted_when_it_is_weighed(dialect: CallerDialect, size: int) -> None:
    nothing, content, _ = STREAMS[dialect.name]
    weighing, passing = (StreamWatch(dialect.replies.stream) for _ in range(2))
    for piece in pieces_of(nothing, size):
        weighing.feed(piece, weigh=True)
    assert weighing.content == 0
    for piece in pieces_of(content, size):
        weighing.feed(piece, weigh=True)
        passing.feed(piece)
    assert (weighing.content, passing.content) == (content.count(b"data: "), 0)


@DIALECTS
def test_a_stream_without_its_end_is_not_finished(dialect: CallerDialect) -> None:
    nothing, content, _ = STREAMS[dialect.name]
    watch = StreamWatch(dialect.replies.stream)
    watch.feed(nothing + content)
    assert watch.ending()[0] is False


@DIALECTS
@pytest.mark.parametrize("size", [1, 10_000])
def test_what_no_client_can_read_is_taken_out_and_counted(dialect: CallerDialect, size: int) -> None:
    nothing, content, rest = STREAMS[dialect.name]
    watch = StreamWatch(dialect.replies.stream)
    stream = nothing + GARBAGE + content + GARBAGE + rest
    passed = b"".join([watch.feed(piece) for piece in pieces_of(stream, size)]) + watch.finish()
    assert (passed, watch.skipped) == (nothing + content + rest, 2)


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\r\r"])
def test_other_ends_of_lines_pass_as_they_are(end: bytes) -> None:
    stream = CHUNK.replace(b"\n\n", end) + b": comment" + end + b"data: {bad" + end + DONE.replace(b"\n\n", end)
    watch = StreamWatch(OPENAI)
    passed = watch.feed(stream, weigh=True) + watch.finish()
    assert passed == stream.replace(b"data: {bad" + end, b"")
    assert (watch.content, watch.skipped) == (1, 1)


def test_the_first_error_counts() -> None:
    watch = StreamWatch(OPENAI)
    watch.feed(b'data: {"error":{"message":"No","code":"rate_limit_exceeded"}}\n\ndata: {"error":{"code":500}}\n\n')
    assert watch.error is not None
    assert (watch.error.status, watch.error.error) == (429, ErrorClass.RATE_LIMIT)


@DIALECTS
@pytest.mark.parametrize("size", [1, 10_000])
def test_nothing_of_the_answer_passes_after_an_error(dialect: CallerDialect, size: int) -> None:
    nothing, content, rest = STREAMS[dialect.name]
    error = dialect.errors.event(Failure(Kind.STREAM_ERROR, "No."), "")
    watch = StreamWatch(dialect.replies.stream)
    stream = nothing + content + error + b": comment\n\n" + content + GARBAGE + error + rest
    passed = b"".join([watch.feed(piece) for piece in pieces_of(stream, size)]) + watch.finish()
    assert passed == nothing + content + error + b": comment\n\n" + error + (DONE if rest.endswith(DONE) else b"")
    assert not watch.passes(content)
    _, usage = watch.ending()
    assert usage is not None, "what the answer took is paid for"


@pytest.mark.parametrize("rest", [b"}\n\n" + CHUNK, b"}\n", b""])
def test_a_long_event_after_an_error_does_not_pass_either(rest: bytes) -> None:
    watch = StreamWatch(OPENAI)
    error = b'data: {"error":{"message":"No"}}\n\n'
    assert watch.feed(error + b"data: {") == error
    assert watch.feed(b" " * (300 << 10)) + watch.feed(rest) + watch.finish() == b""


def test_an_error_with_anthropics_name_for_it() -> None:
    watch = StreamWatch(CALLERS["anthropic"].replies.stream)
    watch.feed(b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Full"}}\n\n')
    assert watch.error is not None
    assert watch.error.status == 529


@pytest.mark.parametrize("size", [1, 10_000])
def test_usage_that_nobody_asked_for_is_read_and_taken_out(size: int) -> None:
    watch = StreamWatch(OPENAI, leaves_usage_out=True)
    stream = CHUNK + STOP + USAGE + DONE
    passed = b"".join([watch.feed(piece) for piece in pieces_of(stream, size)]) + watch.finish()
    assert passed == CHUNK + STOP + DONE
    _, usage = watch.ending()
    assert usage is not None
    assert usage.total == 5


def test_a_wire_without_such_events_keeps_its_own() -> None:
    watch = StreamWatch(CALLERS["anthropic"].replies.stream, leaves_usage_out=True)
    assert not watch.leaves_usage_out
    stream = b"".join(STREAMS["anthropic"])
    assert watch.feed(stream) + watch.finish() == stream


def test_an_event_in_pieces_is_not_looked_at() -> None:
    watch = StreamWatch(OPENAI)
    begin, end = b"data: {nonsense " + b"0" * (300 << 10), b"and more\n\n"
    assert watch.feed(begin) == begin
    assert watch.mid_event
    assert watch.feed(end) == end
    assert (watch.mid_event, watch.skipped) == (False, 0)


def test_a_last_event_without_its_empty_line_passes() -> None:
    watch = StreamWatch(OPENAI)
    assert watch.feed(CHUNK + b"data: [DONE]") == CHUNK
    assert watch.held() == b"data: [DONE]"
    assert watch.finish(weigh=True) == DONE
    assert watch.ending()[0] is True


def test_a_fork_goes_its_own_way() -> None:
    watch = StreamWatch(OPENAI, leaves_usage_out=True)
    watch.feed(CHUNK + GARBAGE + b"data: ", weigh=True)
    fork = watch.fork()
    assert (fork.content, fork.skipped, fork.held(), fork.leaves_usage_out) == (1, 1, b"data: ", True)
    assert fork.feed(b"[DONE]\n\n" + USAGE + GARBAGE) == DONE
    assert (fork.skipped, watch.skipped, watch.held()) == (2, 1, b"data: ")
    assert (fork.ending()[0], watch.ending()[0]) == (True, False)


@pytest.mark.parametrize(
    ("garbage", "passed"),
    [
        (b"data: {\n\n", b""),
        (b'data: {"id": "chatcmpl-\n\n' + TEXT, TEXT),
        (TEXT + b"data: oops\r\n\r\n" + TEXT, TEXT + TEXT),
        (b": c\n\nevent: x\ndata: {]\n\n", b": c\n\n"),
    ],
)
def test_an_event_that_is_no_json_is_taken_out_and_counted(garbage: bytes, passed: bytes) -> None:
    watch = StreamWatch(OPENAI)
    assert watch.feed(garbage) == passed
    assert watch.skipped == 1


@pytest.mark.parametrize(
    "events",
    [TEXT, b"data: [DONE]\n\n", b": c\n\n", b"data:\n\n", b'data: {"a":"\\ud83d"}\n\n', b"data: \xef\xbb\xbf{}\n\n"],
)
def test_what_clients_can_read_passes_untouched(events: bytes) -> None:
    watch = StreamWatch(OPENAI)
    assert watch.feed(events) is events
    assert watch.skipped == 0


_EVENTS = st.sampled_from(
    [
        *(sse(chunk({"content": text})) for text in ("Hi", "a longer text", 'data: {"', "\n\n")),
        sse(chunk({}, "stop")),
        sse(chunk({"content": "Hi"}, usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5})),
        sse(chunk({"content": "Hi"}, created=...)),
        sse({"error": {"message": "No", "code": 500}}),
        sse(chunk({"content": "Hi"})).replace(b"\n\n", b"\r\n\r\n"),
        GARBAGE,
        b": comment\n\n",
        DONE,
    ]
)


@given(st.lists(_EVENTS, max_size=12), st.lists(st.integers(1, 400), max_size=20))
@settings(max_examples=300)
def test_texts_like_the_last_one_pass_the_same_however_they_come(events: list[bytes], sizes: list[int]) -> None:
    stream = sse(ROLE) + b"".join(events)
    in_pieces, one_by_one, unknowing = (
        StreamWatch(OPENAI, leaves_usage_out=True, normalizer=StreamNormalizer()) for _ in range(3)
    )
    unknowing._normalizer._patterns_left = 0  # type: ignore[union-attr]
    passed, rest = b"", stream
    for size in [*sizes, len(stream)]:
        passed += in_pieces.feed(rest[:size])
        rest = rest[size:]
    for watch in (one_by_one, unknowing):
        assert b"".join(map(watch.feed, [sse(ROLE), *events])) == passed
        assert watch.ending() == in_pieces.ending()
        assert (watch.error, watch.error_data, watch.skipped) == (
            in_pieces.error, in_pieces.error_data, in_pieces.skipped,
        )  # fmt: skip
        assert watch.is_over == in_pieces.is_over


# Events that clients can't read.

SAID = b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n'


def test_numbers_that_are_no_json_become_null() -> None:
    watch = StreamWatch(CALLERS["openai_chat"].replies.stream)
    odd = (
        b'id: 1\ndata: {"choices":[{"delta":{"content":"NaN"},"logprobs":{"content":[{"logprob":-Infinity},NaN]}}]}\n\n'
    )
    mended = odd.replace(b"-Infinity", b"null").replace(b",NaN]", b",null]")
    assert watch.feed(SAID + odd + SAID) == SAID + mended + SAID
    assert (watch.skipped, watch.error) == (1, None)


def test_a_chunk_that_cant_be_read_ends_the_stream() -> None:
    watch = StreamWatch(CALLERS["openai_chat"].replies.stream)
    assert watch.feed(SAID + b'data: {"choices":[{"delta":{"con\n\n' + SAID) == SAID
    assert watch.feed(SAID) + watch.finish() == b""
    assert (watch.skipped, watch.is_over, watch.error_data) == (1, True, b"")
    assert watch.error is not None


def test_an_error_event_fits_the_beginning_of_a_long_stream() -> None:
    """The last bytes of a long stream don't tell the id of the response any more."""
    watch = StreamWatch(CALLERS["responses"].replies.stream)
    begun = (
        b'event: response.created\ndata: {"type":"response.created","response":{"id":"resp_1"},"sequence_number":0}\n\n'
    )
    watch.feed(begun, weigh=True)
    for number in range(1, 5000):
        watch.feed(b'event: x\ndata: {"type":"x","delta":"more","sequence_number":%d}\n\n' % number)
    for each in (watch, watch.fork()):
        event = each.fitted(b'event: error\ndata: {"type":"error","code":"c","message":"m"}\n\n')
        assert b'"id":"resp_1"' in event
        assert b'"sequence_number":5000' in event


def test_an_event_around_a_text_is_looked_at_until_another_event_comes() -> None:
    """What the normalizer knows of such events holds until it gets any other."""
    looks: list[str] = []

    class Normalizer:
        pattern: EventPattern | None = None

        def sound(self, events: bytes) -> int:
            looks.append("sound")
            return len(events)

        def knows(self, before: bytes, behind: bytes) -> bool:
            looks.append("knows")
            return (before, behind) == (b'data: {"a":"', b'"}\n\n')

        def normalize(self, event: bytes) -> bytes:
            return event

        def finish(self) -> bytes:
            return b""

        def fork(self) -> Normalizer:
            return self

    watch = StreamWatch(OPENAI, normalizer=Normalizer())
    before, behind = b'data: {"a":"', b'"}\n\n'
    events = [before + text + behind for text in (b"x", b"y", b"z")]
    assert [watch.passes(event, before, behind) for event in events] == [True] * 3
    assert looks == ["knows"]
    assert watch.passes(events[0], b"data: ", behind + b" ")
    assert watch.passes(events[0])
    assert looks == ["knows", "knows", "sound", "knows", "sound"]
    watch.feed(events[0])
    assert watch.passes(events[0], before, behind)
    assert looks[-2:] == ["sound", "knows"]


def test_events_that_need_not_come_by() -> None:
    first = sse(chunk({"content": "tide"}))
    before, _, behind = first.partition(b"tide")
    watch = StreamWatch(OPENAI, normalizer=StreamNormalizer())
    assert not watch.knows(before, behind)
    watch.feed(sse(ROLE))
    watch.feed(first)
    assert watch.knows(before, behind)
    assert not watch.knows(before, behind + b" ")
    assert not watch.knows(before.replace(b'"r"', b'"s"'), behind)
    assert not StreamWatch(OPENAI).knows(before, behind)
    watch.feed(first[:-9])
    assert not watch.knows(before, behind)
    watch.feed(first[-9:] + b'data: {"error":{"message":"overloaded"}}\n\n')
    assert watch.error is not None
    assert not watch.knows(before, behind)


def test_what_only_looks_like_a_comment_is_read() -> None:
    watch = StreamWatch(OPENAI)
    stream = b": ping\n\n" + CHUNK + b': ping\rdata: {"error":{"message":"No"}}\n\n' + b": ping\n\n"
    assert watch.feed(stream) == stream
    assert watch.error is not None
