"""A stream that is watched as it passes: its bytes, what was taken out, what was seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.usage import Usage
from penstock.dialects.openai.relay.stream import STREAM
from penstock.dialects.registry import CALLERS
from penstock.dialects.stream_watch import StreamWatch

TEXT = b'data: {"choices": [{"index": 0, "delta": {"content": "Hi"}}]}\n\n'
USAGE = b'data: {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}\n\n'
DONE = b"data: [DONE]\n\n"
GARBAGE = b"data: {\n\n"
ERROR = b'data: {"error": {"message": "No."}}\n\n'


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
    watch = StreamWatch(STREAM)
    assert watch.feed(garbage) == passed
    assert watch.skipped == 1


@pytest.mark.parametrize(
    "events",
    [TEXT, b"data: [DONE]\n\n", b": c\n\n", b"data:\n\n", b'data: {"a":"\\ud83d"}\n\n', b"data: \xef\xbb\xbf{}\n\n"],
)
def test_what_clients_can_read_passes_untouched(events: bytes) -> None:
    watch = StreamWatch(STREAM)
    assert watch.feed(events) is events
    assert watch.skipped == 0


def test_only_weighed_events_count_as_content() -> None:
    watch = StreamWatch(STREAM)
    watch.feed(TEXT)
    assert watch.content == 0
    watch.feed(TEXT + TEXT, weigh=True)
    assert watch.content == 2


def test_the_first_error_counts() -> None:
    watch = StreamWatch(STREAM)
    assert watch.feed(ERROR) == ERROR
    first = watch.error
    assert first is not None
    watch.feed(b'data: {"error": {"message": "Another.", "code": 429}}\n\n')
    assert watch.error is first


def test_an_event_whose_end_has_not_passed() -> None:
    watch = StreamWatch(STREAM)
    assert not watch.mid_event
    passed = watch.feed(TEXT[:10], weigh=True)
    assert watch.content == 0
    assert passed + watch.held() == TEXT[:10]
    passed += watch.feed(TEXT[10:], weigh=True) + watch.finish(weigh=True)
    assert passed == TEXT
    assert (watch.held(), watch.mid_event) == (b"", False)


@given(st.integers(1, 40))
def test_every_byte_that_can_be_read_passes_however_it_is_cut(step: int) -> None:
    stream = TEXT + b": a comment\n\n" + TEXT + USAGE + DONE
    watch = StreamWatch(STREAM)
    passed = b"".join([watch.feed(stream[at : at + step]) for at in range(0, len(stream), step)])
    assert passed + watch.finish() == stream
    assert watch.skipped == 0
    assert watch.ending() == (True, Usage(1, 2))


def test_a_fork_goes_its_own_way() -> None:
    watch = StreamWatch(STREAM, leaves_usage_out=True)
    watch.feed(TEXT + GARBAGE, weigh=True)
    fork = watch.fork()
    assert (fork.content, fork.skipped, fork.error, fork.leaves_usage_out) == (1, 1, None, True)
    fork.feed(TEXT + GARBAGE + ERROR, weigh=True)
    assert (fork.content, fork.skipped) == (2, 2)
    assert fork.error is not None
    assert (watch.content, watch.skipped, watch.error) == (1, 1, None)


def test_usage_that_nobody_asked_for_is_read_and_taken_out() -> None:
    watch = StreamWatch(STREAM, leaves_usage_out=True)
    assert watch.feed(TEXT + USAGE + DONE) == TEXT + DONE
    assert watch.ending() == (True, Usage(1, 2))
    asked = StreamWatch(STREAM)
    assert asked.feed(TEXT + USAGE + DONE) == TEXT + USAGE + DONE


def test_a_wire_without_usage_events_has_nothing_to_take_out() -> None:
    assert not StreamWatch(CALLERS["anthropic"].replies.stream, leaves_usage_out=True).leaves_usage_out
