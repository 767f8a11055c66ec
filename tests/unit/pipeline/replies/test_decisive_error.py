"""Of several targets' errors the one that the caller can act on is told beside the last one."""

from __future__ import annotations

import json

import calling
from calling import ANTHROPIC, OPENAI
from penstock.core.failure import Failure, Kind
from penstock.core.outcome import ErrorClass, Outcome
from penstock.pipeline.call import Answer
from penstock.pipeline.replies.decisive_error import target_error, tell_decisive

FAILED = Failure(Kind.UPSTREAM_STATUS, "x", sent=True)
TOO_LONG = {
    "openai_chat": b'{"error":{"message":"too long","type":"invalid_request_error","code":null},"message":"too long"}',
    "anthropic": b'{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long"}}',
}


def answer(path: str, status: int, body: bytes, error: ErrorClass | None = None) -> Answer:
    headers = [(b"content-type", b"application/json"), (b"retry-after", b"7"), (b"x-request-id", b"1")]
    made = Answer(status, headers, body, Outcome(status, FAILED, error=error, retry_after=7))
    made.target = calling.target(path=path)
    return made


def test_both_are_told_and_the_earlier_one_decides() -> None:
    for dialect in (OPENAI, ANTHROPIC):
        decisive = target_error(answer("config.targets[0]", 400, TOO_LONG[dialect.name], ErrorClass.CONTEXT_LENGTH))
        last = answer("config.targets[1]", 503, b'{"error":{"message":"busy"}}', ErrorClass.SERVER_ERROR)
        assert decisive is not None
        tell_decisive(decisive, last, calling.call(None, dialect))
        message = json.loads(last.body)["error"]["message"]
        assert (last.status, last.outcome.status, last.outcome.error) == (400, 400, ErrorClass.CONTEXT_LENGTH)
        assert "too long (targets[0]; the last target, targets[1], answered with status 503: busy)" in message
        assert dict(last.headers) == {b"content-type": b"application/json", b"x-request-id": b"1"}
        if dialect is OPENAI:
            assert json.loads(last.body)["error"]["code"] == "context_length_exceeded"
            assert json.loads(last.body)["message"] == message


def test_an_answer_that_tells_such_an_error_itself_stays() -> None:
    decisive = target_error(answer("config.targets[0]", 400, TOO_LONG["openai_chat"], ErrorClass.CONTEXT_LENGTH))
    last = answer("config.targets[1]", 400, b'{"error":{"message":"filtered"}}', ErrorClass.CONTENT_FILTER)
    assert decisive is not None
    tell_decisive(decisive, last, calling.call(None))
    assert json.loads(last.body)["error"]["message"] == "filtered"
