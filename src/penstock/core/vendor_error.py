"""Reads a vendor's error body into the four members of OpenAI's error object: message, type, param, code.

Vendors put the text of an error under ``error.message``, ``message``, ``error``, ``detail`` or ``errors``. All of these
are read for every vendor, and so are MiniMax's ``base_resp``, the error of a response that failed, and an error inside
an answer or the word of failure by which it ended, which come with status 200. A ``message`` with a role is an answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.finish_reasons import broken_off, is_failure
from penstock.core.json_text import write_json

_ORGANISATION: Final = re.compile(
    r"\b(org(?:anization)?[- ](?:[A-Za-z ]{0,24})?)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE
)
"""An account id after the word organisation: it is the operator's and must not reach callers."""
WITHOUT_MESSAGE: Final = "the provider tells of an error without a message"
"""What is told of such an error."""


class VendorError(msgspec.Struct, frozen=True):
    """The four members of OpenAI's error object; ``message`` is empty if the body has none."""

    message: str = ""
    type: str | None = None
    param: str | None = None
    code: str | None = None


def read_vendor_error(value: Any) -> VendorError:
    """The error in a decoded error body."""
    if isinstance(value, list):
        return next((error for error in map(read_vendor_error, value[:16]) if error.message), VendorError())
    if not isinstance(value, dict):
        return VendorError()
    inner = value.get("error")
    if isinstance(inner, dict) and inner:
        return _object(inner, value)
    if isinstance(inner, list):
        inner = _details(inner)
    if isinstance(inner, str) and inner:
        return VendorError(inner, _text(value.get("type") or value.get("error_type")), None, _code(value))
    hidden = hidden_error(value)
    return _object(value if hidden is None else hidden, value)


def hidden_error(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The error of an object that has no ``error`` member: that of a choice, of the response in an event of Responses,
    MiniMax's ``base_resp``, or the word of failure by which an answer ended, in any wire.

    https://openrouter.ai/docs/api/reference/errors-and-debugging,
    https://platform.minimax.io/docs/api-reference/errorcode
    """
    base = value.get("base_resp")
    if isinstance(base, dict) and base.get("status_code") not in _NO_ERRORS:
        return {"message": base.get("status_msg"), "code": base["status_code"]}
    held: list[Any] = [value, value.get("delta"), value.get("response")]
    for name in ("choices", "candidates"):
        answers = value.get(name)
        held += answers if isinstance(answers, list) else []
    return next((error for each in held if (error := failed_choice(each)) is not None), None)


_NO_ERRORS: Final = (None, 0, "0", 200, "")
_ENDS: Final = ("finish_reason", "native_finish_reason", "finishReason", "stop_reason", "stopReason", "done_reason")
"""Where the wires say why an answer ended. Beside a ``finish_reason``, vLLM's ``stop_reason`` is the stop sequence that
was met, any text of the caller's: https://github.com/vllm-project/vllm/blob/main/vllm/outputs.py"""


def failed_choice(choice: Any) -> Mapping[str, Any] | None:
    """The error of a choice that failed: its own ``error``, or one for the word by which it ended."""
    if not isinstance(choice, dict):
        return None
    error = choice.get("error")
    if isinstance(error, dict) and error:
        return error
    if isinstance(error, str) and error:
        return {"message": error}
    for name in _ENDS:
        word = choice.get(name)
        if isinstance(word, str) and is_failure(word) and not (name == "stop_reason" and choice.get("finish_reason")):
            return {"message": _text(choice.get("finishMessage")) or broken_off(name, word), "type": word}
    return None


def is_error(value: Mapping[str, Any]) -> bool:
    """Whether an object that holds no answer says that the call failed."""
    error = value.get("error")
    if error or isinstance(error, dict) or value.get("object") == "error":
        return True
    if _TELLING.isdisjoint(value):
        return False
    if value.get("success") is False or value.get("type") == "error" or hidden_error(value) is not None:
        return True
    code = value.get("code", value.get("error_code"))
    return code not in _NO_ERRORS or any(isinstance(value.get(name), str | list) and value[name] for name in _MESSAGES)


def _object(error: Mapping[str, Any], outer: Mapping[str, Any]) -> VendorError:
    message = _message(error)
    kind = _text(error.get("type") or error.get("error_type") or error.get("__type") or error.get("status"))
    return VendorError(message, kind, _text(error.get("param")), _code(error) or _code(outer))


def _message(error: Mapping[str, Any]) -> str:
    for name in _MESSAGES:
        value = error.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, list | dict) and value and "role" not in value:
            return _details(value)
    errors = error.get("errors")
    return _details(errors) if isinstance(errors, list) and errors else ""


_MESSAGES: Final = (
    "message", "Message", "detail", "msg", "error_description", "error_msg", "error_message", "errorMessage",
    "status_msg", "title",
)  # fmt: skip

_TELLING: Final = frozenset({"success", "type", "base_resp", "choices", "code", "error_code", *_MESSAGES})
"""The members that may tell an error without an ``error`` member."""


def _details(value: Any) -> str:
    """The text of a list of faults: pydantic's ``{loc, msg}``, Cloudflare's ``{code, message}``."""
    faults = value if isinstance(value, list) else [value]
    return ", ".join(_fault(fault) for fault in faults[:16])


def _fault(fault: Any) -> str:
    if not isinstance(fault, dict):
        return _words(fault)
    text = _words(fault.get("msg") or fault.get("message") or fault)
    place = fault.get("loc")
    if isinstance(place, list):
        return f"{'.'.join(map(_words, place))}: {text}"
    return f"Error {_words(fault['code'])}: {text}" if "code" in fault else text


def _words(value: Any) -> str:
    return value if isinstance(value, str) else write_json(value).decode()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _code(error: Mapping[str, Any]) -> str | None:
    """The code as text, even if the vendor sends a number: OpenAI's clients expect text."""
    code = error.get("code", error.get("error_code"))
    return str(code) if isinstance(code, str | int) and not isinstance(code, bool) and code != "" else None


def without_organisation(text: str) -> str:
    """A provider's text with account ids masked."""
    return _ORGANISATION.sub(r"\1***", text)
