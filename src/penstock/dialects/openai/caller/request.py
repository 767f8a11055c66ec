"""Reads a whole OpenAI chat request into a ``ChatRequest``, for lane 2.

Only the types that dialects rely on are checked; the provider checks the values. messages.py reads the messages.
Source: OpenAI API reference, "Create chat completion".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.chat import NO_ECHO, ChatRequest, Echo, Format, Reasoning
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import UNREADABLE
from penstock.dialects.malformed import Malformed
from penstock.dialects.openai.caller.messages import read_messages
from penstock.dialects.parameter_types import CHECKS, INTEGER, NUMBER, checked
from penstock.dialects.request_tools import (
    check_schema,
    elements_of,
    free_text_forms,
    object_of,
    read_choice,
    read_function,
    read_tools,
    value_of,
)

_NOT_PARAMETERS: Final = frozenset({"model", "messages", "stream", "stream_options"})
_LEGACY: Final = frozenset({"functions", "function_call"})
_REASONING: Final = frozenset({"reasoning_effort", "reasoning", "thinking"})
_ELSEWHERE: Final = _NOT_PARAMETERS | _LEGACY | _REASONING


def read(data: bytes) -> ChatRequest | Failure:
    """The request in a body, or a failure that names the problem and its path."""
    try:
        return from_body(Body.parse(data))
    except BodyError as error:
        return Failure(Kind.INVALID_JSON, f"The gateway could not read the request: {error}.")


def from_body(body: Body) -> ChatRequest | Failure:
    """Like ``read``, from a body whose top level is already parsed."""
    try:
        return _read(body)
    except Malformed as wrong:
        text = f"The gateway could not read the request: {wrong.path} must be {wrong.expected}."
        return Failure(Kind.INVALID_REQUEST, text, wrong.path)


def _read(body: Body) -> ChatRequest:
    model = value_of(body, "model")
    parameters: dict[str, Any] = {}
    for name, raw in body.members.items():
        if name in _ELSEWHERE:
            continue
        try:
            value = _NUMBERS[name].decode(raw) if name in _NUMBERS else _parameter(body, name)
        except UNREADABLE:
            value = _parameter(body, name)
        if value is not None:
            parameters[name] = value
    if not _LEGACY.isdisjoint(body.members):
        _add_legacy(body, parameters)
    if not _REASONING.isdisjoint(body.members):
        reasoning = _reasoning(body)
        if reasoning is not None:
            parameters["reasoning"] = reasoning
    messages = read_messages(body)
    forms = free_text_forms(parameters["tools"]) if "tools" in parameters else {}
    echo = Echo(forms=forms) if forms else NO_ECHO
    name, streams = model if isinstance(model, str) else "", body.raw("stream") == b"true"
    return ChatRequest(name, messages, parameters, streams, echo=echo)


def _parameter(body: Body, name: str) -> Any:
    """The value of an existing parameter, parsed if the parameter has a type in core/chat.py; None for ``null``."""
    if name in _KEEPING_BYTES:
        return None if body.is_null(name) else _KEEPING_BYTES[name](body)
    value = value_of(body, name)
    if value is None:
        return None
    if name == "tool_choice":
        return read_choice(value)
    return checked(name, name, value)


_DECODERS: Final = {INTEGER: msgspec.json.Decoder(int), NUMBER: msgspec.json.Decoder(int | float)}
_NUMBERS: Final = {name: _DECODERS[check] for name, check in CHECKS.items() if check in _DECODERS}
"""Numbers are read and checked by one typed decode; what it refuses (``null``, say) is looked at more closely."""


# The deprecated forms of tools and their choice.


def _add_legacy(body: Body, parameters: dict[str, Any]) -> None:
    """Add ``functions`` and ``function_call``, the deprecated forms of ``tools`` and ``tool_choice``."""
    if "functions" in body and not body.is_null("functions") and "tools" not in parameters:
        functions = elements_of(body, "functions")
        parameters["tools"] = tuple(
            read_function(function, f"functions[{position}]", {}) for position, function in enumerate(functions)
        )
    call = value_of(body, "function_call")
    if call is not None and "tool_choice" not in parameters:
        parameters["tool_choice"] = read_choice(call)


# The format of the answer, and reasoning.


def _format(body: Body) -> Format | None:
    form = object_of(body, "response_format", "response_format")
    kind = value_of(form, "type")
    if kind == "text":
        return None
    if kind == "json_object":
        return Format("json_object")
    if kind != "json_schema":
        raise Malformed("response_format.type", "text, json_object or json_schema")
    path = "response_format.json_schema"
    json_schema = object_of(form, "json_schema", path)
    schema = json_schema.raw("schema")
    if schema is not None and not json_schema.is_null("schema"):
        check_schema(json_schema, "schema", f"{path}.schema")
    name, description, strict = (value_of(json_schema, member) for member in ("name", "description", "strict"))
    return Format(
        "json_schema",
        name if isinstance(name, str) else "",
        description if isinstance(description, str) else "",
        schema or b"",
        strict if isinstance(strict, bool) else None,
    )


def _reasoning(body: Body) -> Reasoning | None:
    """The reasoning settings from OpenAI's ``reasoning_effort``, OpenRouter's ``reasoning`` and Anthropic's
    ``thinking``."""
    effort, nested, thinking = (value_of(body, name) for name in ("reasoning_effort", "reasoning", "thinking"))
    if effort is not None and not isinstance(effort, str):
        raise Malformed("reasoning_effort", "a string")
    nested = nested if isinstance(nested, dict) else {}
    if isinstance(thinking, bool):
        thinking = {"type": "enabled" if thinking else "disabled"}
    native = thinking if isinstance(thinking, dict) else None
    fields = native or {}
    word = effort or _typed(nested.get("effort"), str) or ""
    budget = _typed(fields.get("budget_tokens"), int)
    budget = _typed(nested.get("max_tokens"), int) if budget is None else budget
    enabled = _typed(nested.get("enabled"), bool)
    if "type" in fields:
        enabled = fields["type"] != "disabled"
    if not word and budget is None and enabled is None and not native:
        return None
    return Reasoning(word, budget, enabled, native)


def _typed(value: Any, kind: type) -> Any:
    """The value if it has this type, else None; a bool is no number."""
    return value if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)) else None


_KEEPING_BYTES: Final[Mapping[str, Callable[[Body], Any]]] = {"tools": read_tools, "response_format": _format}
"""Readers of the parameters whose parts keep their JSON bytes."""
