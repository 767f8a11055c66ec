"""Counts of tokens at hosts that don't count."""

from __future__ import annotations

import json

import pytest

from calling import call
from penstock.core.body import Body
from penstock.core.failure import Failure, Kind
from penstock.core.operation import Operation
from penstock.core.outcome import failed
from penstock.dialects.registry import CALLERS
from penstock.pipeline.call import Answer
from penstock.pipeline.replies.token_count import ESTIMATE, count, estimated

REFUSED = Answer(400, [], b"", failed(Failure(Kind.UNSUPPORTED_OPERATION, "not here")))


@pytest.mark.parametrize(
    ("dialect", "operation", "member"),
    [
        ("anthropic", Operation.COUNT_TOKENS, "input_tokens"),
        ("gemini", Operation.COUNT_TOKENS, "totalTokens"),
        ("responses", Operation.RESPONSE_TOKENS, "input_tokens"),
    ],
)
async def test_an_estimate_is_in_the_callers_wire_and_marked(dialect: str, operation: Operation, member: str) -> None:
    asked = call(operation=operation)
    asked.dialect = CALLERS[dialect]
    read = asked.dialect.reading.body(b'{"model":"m","system":"Hello","contents":["Hello"],"input":"Hello"}')
    assert not isinstance(read, Failure)
    asked.request = read
    answer = await estimated(REFUSED, asked)
    assert json.loads(answer.body)[member] == 3
    assert ESTIMATE in answer.headers
    other = Answer(400, [], b"", failed(Failure(Kind.INVALID_REQUEST, "wrong")))
    assert await estimated(other, asked) is other
    asked.operation = Operation.CHAT
    assert await estimated(REFUSED, asked) is REFUSED


def test_only_what_the_model_reads_counts() -> None:
    assert count(Body.parse(b'{"model":"gpt","metadata":{"a":"Hello"},"system":"Hello"}')) == 1
    assert count(Body.parse(b"{}")) == 1
