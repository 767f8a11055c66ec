"""Errors of wires in which an error is one text."""

import json

import pytest

from own_wires import COHERE, OLLAMA
from penstock.core.events import Fail
from penstock.core.failure import Failure, Kind
from penstock.core.outcome import ErrorClass
from penstock.dialects.caller import CallerDialect
from penstock.dialects.caller_errors import ProviderReply, TargetError
from penstock.dialects.provider_errors import ClassifiedError

WIRES = pytest.mark.parametrize(
    ("dialect", "member"), [(OLLAMA, "error"), (COHERE, "message")], ids=["ollama", "cohere"]
)


@WIRES
def test_the_gateways_own(dialect: CallerDialect, member: str) -> None:
    told = dialect.errors.failure(Failure(Kind.UNSUPPORTED_OPERATION, "No."), "t")
    assert (told.status, json.loads(told.body)[member]) == (501, "No. [unsupported_operation]")
    assert dict(told.headers)[b"x-penstock-error"] == b"unsupported_operation"
    assert ("id" in json.loads(told.body)) == (member == "message")
    assert dialect.errors.failure(Failure(Kind.BUDGET_EXCEEDED, "Used up."), "t").status == 429
    assert dialect.errors.failure(Failure(Kind.MODEL_NOT_ALLOWED, "No."), "t").status == 403
    event = dialect.errors.event(Failure(Kind.TRUNCATED, "Cut."), "t")
    assert dialect.replies.stream.error_in(*_event(event)) is not None
    assert not dialect.replies.stream.ending(event)[0]


def _event(data: bytes) -> tuple[bytes, bytes, str]:
    name = data.partition(b"event: ")[2].partition(b"\n")[0]
    return name, data.partition(b"data: ")[2].strip(), "p"


@WIRES
def test_a_providers(dialect: CallerDialect, member: str) -> None:
    body = b'{"error":{"message":"Slow down"}}'
    headers = [(b"retry-after", b"3"), (b"x-secret", b"s")]
    reply = ProviderReply(429, headers, body, "p", ClassifiedError(429, ErrorClass.RATE_LIMIT))
    told = dialect.errors.provider(reply, "t")
    assert (told.status, json.loads(told.body)[member]) == (429, "Slow down")
    assert (b"retry-after", b"3") in told.headers
    assert b"x-secret" not in dict(told.headers)
    empty = ProviderReply(502, [], b"", "p", ClassifiedError(502, None))
    assert "p: an empty body" in json.loads(dialect.errors.provider(empty, "t").body)[member]


@WIRES
def test_a_prompt_that_is_too_long_is_told_in_the_wires_words(dialect: CallerDialect, member: str) -> None:
    text = "This model's maximum context length is 100 tokens, however you requested 120 tokens"
    body = json.dumps({"error": {"message": text, "code": "context_length_exceeded"}}).encode()
    reply = ProviderReply(413, [], body, "p", ClassifiedError(413, ErrorClass.CONTEXT_LENGTH))
    told = dialect.errors.provider(reply, "t")
    said = json.loads(told.body)[member]
    assert told.status == 400
    assert ("exceeds the context length" in said) if member == "error" else ("exceeded by 20 tokens" in said)
    event = dialect.errors.provider_event(Fail(text, code="context_length_exceeded"), "p", "t")
    assert said.partition(":")[0].encode() in event


@WIRES
def test_two_targets(dialect: CallerDialect, member: str) -> None:
    first = TargetError("a", 400, json.dumps({member: "Bad"}).encode(), None)
    last = TargetError("b", 500, json.dumps({member: "Down"}).encode(), None)
    said = json.loads(dialect.errors.beside(first, last))[member]
    assert said == "Bad (a; the last target, b, answered with status 500: Down)"
    assert dialect.errors.has_shape(first.body)
    assert not dialect.errors.has_shape(b'{"x":1}')
