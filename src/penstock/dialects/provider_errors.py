"""A translated provider's error as OpenAI's error object (docs/portkey.md#provider-errors).

Vendors put the text of an error under ``error.message``, ``message``, ``error``, ``detail`` or ``errors``, or in no
JSON at all. All of it is understood here, whoever sent it; the provider's own body is kept under ``provider_response``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.events import Fail
from penstock.core.http import Headers
from penstock.core.json_text import read_json, write_json

_TEXT_LIMIT: Final = 4096
"""Characters of a body that is no JSON (a proxy's HTML page, say) that are told."""
_ORGANISATION: Final = re.compile(
    r"\b(org(?:anization)?[- ](?:[A-Za-z ]{0,24})?)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE
)
"""An account's id beside the word organisation: the operator's, and no caller's business."""


class Said(msgspec.Struct, frozen=True):
    """What an error body says, in OpenAI's four words; ``message`` is empty when none was found."""

    message: str = ""
    type: str | None = None
    param: str | None = None
    code: str | None = None


def translated(status: int, headers: Headers, body: bytes, provider: str) -> bytes:
    """The error body for the caller. The HTTP status stays what it was."""
    value = _decode(body)
    said = understand(value)
    if said.type is None:
        said = msgspec.structs.replace(said, type=_named_by(headers))
    return _body(said, value, provider, status)


def of_event(fail: Fail, provider: str) -> bytes:
    """The error object for an error that a stream or a reply with status 200 told."""
    value = _decode(fail.raw) if fail.raw else None
    said = Said(fail.message, fail.type or None, None, fail.code or None)
    return _body(said, value, provider, fail.status)


def _body(said: Said, value: Any, provider: str, status: int) -> bytes:
    message = f"{provider} error: {said.message}" if said.message else _unrecognised(value, provider)
    error: dict[str, Any] = {"message": message, "type": said.type, "param": said.param, "code": said.code}
    if status and not 200 <= status < 300:
        error["status_code"] = status
    whole = {"error": error, "provider": provider}
    if value is not None:
        whole["provider_response"] = value
    return _ORGANISATION.sub(r"\1***", write_json(whole).decode()).encode()


def _unrecognised(value: Any, provider: str) -> str:
    told = write_json(value).decode()
    return f"Invalid response received from {provider}: {told[:_TEXT_LIMIT]}"


def _decode(body: bytes) -> Any:
    """The body as JSON; text that is none in the reference's wrapping (docs/portkey.md#text-in-place-of-json)."""
    try:
        return read_json(body)
    except ValueError:
        return {"html-message": body[:_TEXT_LIMIT].decode("utf-8", "replace")} if body.strip() else None


def understand(value: Any) -> Said:
    """What a decoded error body says."""
    if isinstance(value, list):
        return next((said for said in map(understand, value[:16]) if said.message), Said())
    if not isinstance(value, dict):
        return Said()
    inner = value.get("error")
    if isinstance(inner, dict):
        return _object(inner, value)
    if isinstance(inner, list):
        inner = ", ".join(str(each) for each in inner[:16])
    if isinstance(inner, str) and inner:
        return Said(inner, _text(value.get("type") or value.get("error_type")), None, _code(value))
    return _object(value, value)


def _object(error: Mapping[str, Any], outer: Mapping[str, Any]) -> Said:
    message = _message(error)
    kind = _text(error.get("type") or error.get("error_type") or error.get("__type") or error.get("status"))
    return Said(message, kind, _text(error.get("param")), _code(error) or _code(outer))


def _message(error: Mapping[str, Any]) -> str:
    for name in ("message", "Message", "detail", "msg", "error_description", "title"):
        value = error.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, list | dict) and value:
            return _details(value)
    errors = error.get("errors")
    return _details(errors) if isinstance(errors, list) and errors else ""


def _details(value: Any) -> str:
    """The text of a list of faults: pydantic's ``{loc, msg}``, Cloudflare's ``{code, message}``."""
    faults = value if isinstance(value, list) else [value]
    return ", ".join(_fault(fault) for fault in faults[:16])


def _fault(fault: Any) -> str:
    if not isinstance(fault, dict):
        return str(fault)
    text = fault.get("msg") or fault.get("message") or write_json(fault).decode()
    place = fault.get("loc")
    if isinstance(place, list):
        return f"{'.'.join(str(step) for step in place)}: {text}"
    return f"Error {fault['code']}: {text}" if "code" in fault else str(text)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _code(error: Mapping[str, Any]) -> str | None:
    """Always text: OpenAI's clients read it as such, also where a vendor sends a number."""
    code = error.get("code")
    return str(code) if isinstance(code, str | int) and not isinstance(code, bool) and code != "" else None


def _named_by(headers: Headers) -> str | None:
    """The kind of error that AWS names in a header, ``ThrottlingException:http://...``."""
    for name, value in headers:
        if name == b"x-amzn-errortype":
            return value.decode("latin-1").partition(":")[0] or None
    return None
