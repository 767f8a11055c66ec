"""The usage of a stream that passes as it is is read of its last bytes."""

from __future__ import annotations

import pytest

from fake_reply import FakeReply
from penstock.core.outcome import Outcome
from penstock.core.usage import Usage
from penstock.dialects.registry import caller_dialect
from penstock.dialects.stream_grammar import StreamGrammar
from penstock.pipeline.call import Answer
from penstock.pipeline.replies.passed_usage import with_usage_at_end
from penstock.transport.base import pass_on

CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n'
LAST = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\ndata: [DONE]\n\n'


@pytest.fixture
def grammar() -> StreamGrammar:
    return caller_dialect("openai_chat").replies.stream


@pytest.mark.parametrize("is_handed_on", [False, True])
async def test_it_is_read_when_the_answer_is_closed(grammar: StreamGrammar, is_handed_on: bool) -> None:
    reply = FakeReply(200, CHUNK * 4000, LAST[:30], LAST[30:])
    answer = with_usage_at_end(Answer(200, [], CHUNK, Outcome(200), rest=reply), CHUNK, grammar)
    assert answer.rest is not None
    read = bytearray()
    if is_handed_on:
        await pass_on(answer.rest, read.extend)
    while data := await answer.rest.read():
        read += data
    assert read == CHUNK * 4000 + LAST
    assert answer.usage is None
    answer.close()
    usage: Usage | None = answer.usage
    assert (usage and usage.prompt, usage and usage.completion) == (3, 2)


def test_a_stream_that_came_as_a_whole(grammar: StreamGrammar) -> None:
    answer = with_usage_at_end(Answer(200, [], CHUNK + LAST, Outcome(200)), CHUNK + LAST, grammar)
    assert answer.usage is not None
    assert answer.usage.prompt == 3
