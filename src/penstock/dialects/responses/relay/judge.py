"""What a plain reply of this wire is: a response, an error, or nothing usable; or the answer about a stored response.

The counterpart for streams is stream.py. Sources: OpenAI API reference, "The response object";
docs/fidelity.md#good-answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from penstock.core import json_text
from penstock.core.finish_reasons import FAILED_STATUS
from penstock.core.json_text import UNREADABLE, read_repaired
from penstock.core.vendor_error import is_error
from penstock.dialects.caller import Verdict
from penstock.dialects.provider_errors import ClassifiedError, classified
from penstock.dialects.responses.usage import read_usage, usage_of
from penstock.dialects.service_tier import with_tier

_NOT_JSON: Final = "answered with success but the body is not a JSON object"
_NO_ANSWER: Final = "answered with success, but its reply holds no answer"
FAILED: Final = frozenset({"failed", "cancelled"})
"""What a response is called that came to nothing."""
STATUS_OF_CODE: Final[Mapping[str, int]] = {
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "context_length_exceeded": 400,
    "invalid_prompt": 400,
    "server_error": 500,
    "server_is_overloaded": 503,
}
"""The status that an error would have had if the answer hadn't begun."""


class _Response(msgspec.Struct):
    """A response that may be a whole, good answer, told by one decode; any other is looked into member by member."""

    status: Literal["completed"]
    output: tuple[msgspec.Raw, ...]
    usage: dict[str, Any] | None = None
    service_tier: str | None = None
    error: None = None


_RESPONSE: Final = msgspec.json.Decoder(_Response)


def judge(body: bytes, provider: str, is_chat: bool) -> Verdict:
    """What the reply is. ``is_chat``: it is to be a response just made, otherwise anything about a stored one."""
    if is_chat:
        try:
            response = _RESPONSE.decode(body)
        except UNREADABLE:
            pass
        else:
            if response.output:
                usage = read_usage(response.usage)
                if response.service_tier is not None:
                    usage = with_tier(usage, response.service_tier)
                return Verdict(is_complete=True, usage=usage)
    return _judge_slowly(body, provider, is_chat=is_chat)


def _judge_slowly(body: bytes, provider: str, *, is_chat: bool) -> Verdict:
    value, readable = read_repaired(body)
    if not isinstance(value, dict):
        return Verdict(problem=_NOT_JSON)
    usage = usage_of(value)
    if not is_chat and value.get("object") is not None:
        return Verdict(usage=usage, body=readable)
    error = error_of(value, provider)
    if error is not None:
        return Verdict(error, usage=usage)
    output = value.get("output")
    if isinstance(output, list):
        is_complete = (
            bool(output) and value.get("status") == "completed" and readable is None and value.get("error") is None
        )
        return Verdict(is_complete=is_complete, usage=usage, body=readable)
    if not is_chat and not is_error(value):
        return Verdict(usage=usage, body=readable)
    return Verdict(classified(value, provider), usage=usage) if is_error(value) else Verdict(problem=_NO_ANSWER)


def error_of(response: Mapping[str, Any], provider: str) -> ClassifiedError | None:
    """The error that a response tells; None for one that failed in nothing: what it says beside an error is an answer
    unless its status calls it failed."""
    error = response.get("error")
    if json_text.text(response, "status") not in FAILED and (
        not isinstance(error, dict | str) or bool(response.get("output"))
    ):
        return None
    code = json_text.text(error, "code") if isinstance(error, dict) else ""
    value = {"error": error or {"message": "the response failed", "code": "server_error"}}
    return classified(value, provider, STATUS_OF_CODE.get(code, 0 if error else FAILED_STATUS))
