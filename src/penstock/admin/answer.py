"""What the admin API answers: always an object in JSON, with a content type and the id of the request.

Portkey's Python client fails at 204, at an empty body and at an array; both clients repeat a request that failed with
500 unless the answer has the header x-portkey-request-id. Errors have one body that both clients, Terraform and
OpenAI's clients read. Source: docs/control-plane.md#errors.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import msgspec

from penstock.control.refusal import Problem, Refusal, Why
from penstock.core.json_text import write_json

REQUEST_ID: Final = "x-portkey-request-id"


class Answer(msgspec.Struct, frozen=True):
    """Status, body and further headers. A body is an object; its members of times are texts. ``pieces`` are the bytes
    of a file, in the body's place; its headers say what it is."""

    body: Mapping[str, Any]
    status: int = 200
    headers: Mapping[str, str] = {}
    pieces: AsyncIterator[bytes] | None = None

    def encoded(self) -> bytes:
        return write_json(self.body)


class _Meaning(msgspec.Struct, frozen=True):
    status: int
    code: str


_MEANINGS: Final = {
    Why.INVALID: _Meaning(400, "AB01"),
    Why.UNAUTHENTICATED: _Meaning(401, "AB05"),
    Why.FORBIDDEN: _Meaning(403, "AB03"),
    Why.ABSENT: _Meaning(404, "AB02"),
    Why.CONFLICT: _Meaning(409, "AB07"),
    Why.NOT_SUPPORTED: _Meaning(501, "AB04"),
    Why.TOO_MANY: _Meaning(429, "AB06"),
    Why.UNAVAILABLE: _Meaning(503, "AB04"),
    Why.DEFECT: _Meaning(500, "AB04"),
}


def refused(refusal: Refusal) -> Answer:
    """The answer to a request that is refused."""
    meaning = _MEANINGS[refusal.why]
    headers = {} if refusal.retry_after is None else {"retry-after": str(refusal.retry_after)}
    return error(meaning.status, meaning.code, refusal.why.value, refusal.message, refusal.problems, headers)


def error(
    status: int,
    code: str,
    type_: str,
    message: str,
    problems: tuple[Problem, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """The one body of all errors."""
    first = problems[0].pointer if problems else ""
    listed = [{"pointer": problem.pointer, "message": problem.text} for problem in problems]
    body = {
        "success": False,
        "status": "failure",
        "message": message,
        "error": {"message": message, "type": type_, "param": first or None, "code": code},
        "data": {"message": message, "errorCode": code, "problems": listed},
        "errorCode": code,
    }
    return Answer(body, status, headers or {})
