"""What a relay looks for in a wire's streams, and whose usage counts."""

from __future__ import annotations

from penstock.core.usage import Usage
from penstock.dialects.openai.relay.stream import STREAM

TAIL = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\ndata: [DONE]\n\n'


def test_the_stream_tells_its_usage() -> None:
    is_finished, usage = STREAM.ending(TAIL)
    assert is_finished
    assert usage is not None
    assert (usage.prompt, usage.completion) == (3, 2)


def test_what_is_known_when_the_stream_ends_counts_in_place_of_what_it_tells() -> None:
    known: list[Usage] = []
    grammar = STREAM.with_usage(lambda: known[-1] if known else None)
    assert grammar.ending(TAIL) == STREAM.ending(TAIL)
    known.append(Usage(7, 8, 15))
    assert grammar.ending(TAIL) == (True, Usage(7, 8, 15))
    assert grammar.ending(TAIL[:-16]) == (False, Usage(7, 8, 15))


def test_a_usage_that_counted_before_counts_no_more() -> None:
    assert STREAM.of_stored().ending(TAIL) == (True, None)
    assert STREAM.of_stored().ending(b"data: {}\n\n") == (False, None)


def test_each_event_of_an_answer_that_was_made_before_says_something() -> None:
    assert not STREAM.has_content(b"", b'{"choices":[]}')
    assert STREAM.of_stored().has_content(b"", b'{"choices":[]}')
