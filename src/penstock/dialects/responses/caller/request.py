"""A request for a response, read whole into a ``ChatRequest``: the way into lane 2.

Parameters take the names of OpenAI's chat completions; those that exist here alone are named as dropped. What refers to
something that OpenAI keeps is refused: an answer without it would be another one. Items are read in items.py, tools in
tools.py. Source: OpenAI API reference, "Create a model response".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.body import Body, BodyError
from penstock.core.chat import ChatRequest, Echo, Format, Message, Reasoning, TextPart, ToolForm, Wording
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import write_json
from penstock.dialects.config_members import limit_wins
from penstock.dialects.foreign import UNREAD_REASONING
from penstock.dialects.malformed import Malformed, read_whole
from penstock.dialects.parameter_types import NO_SUCH_PARAMETER, checked
from penstock.dialects.responses.caller.items import adds_tools, read_items
from penstock.dialects.responses.caller.members import REPEATED
from penstock.dialects.responses.caller.tools import read_choice, read_tools

_HERE: Final = "responses."
"""How the names begin of parameters that no other wire may take for its own of the same name."""
WORDING: Final = Wording(
    names={
        "max_completion_tokens": "max_output_tokens",
        "response_format": "text.format",
        "verbosity": "text.verbosity",
        "reasoning_effort": "reasoning.effort",
        UNREAD_REASONING: "input.reasoning",
        "logprobs": "include",
    },
    inside={
        _HERE: "",
        ".function": "",
        ".json_schema": "",
        ".image_url": "",
        ".file.filename": ".filename",
    },
    once=frozenset({"defer_loading", "allowed_callers"}),
    silent=frozenset({"client_metadata"}),
)
"""What callers of Responses call what is dropped."""

_NAMES: Final[Mapping[str, str]] = {"max_output_tokens": "max_completion_tokens"}
_ELSEWHERE: Final = frozenset(
    """
    model input instructions stream stream_options tools tool_choice text reasoning include store
    previous_response_id conversation background prompt
    """.split()
)
_LOCAL: Final = frozenset({"truncation", "context_management", "max_tool_calls", "moderation", "client_metadata"})
"""Parameters of this wire alone."""
_HARMLESS: Final[Mapping[str, bytes]] = {"truncation": b'"disabled"'}
_KEPT_AT_OPENAI: Final = ("previous_response_id", "conversation", "prompt")
_LOGPROBS: Final = "message.output_text.logprobs"
_KNOWN_INCLUDES: Final = frozenset({_LOGPROBS, "reasoning.encrypted_content"})
_STATE_ITEMS: Final[Mapping[str, str]] = {
    "item_reference": "refers to an item that another provider keeps",
    "compaction": "holds a conversation that only its maker can read",
    "compaction_summary": "holds a conversation that only its maker can read",
    "compaction_trigger": "asks for a compaction, which only OpenAI makes",
}
"""Items without which the answer would be another one."""


def read_request(body: Body) -> ChatRequest | Failure:
    """The request that a body is, or what is wrong with it and where."""
    return read_whole(_read_unless_kept, body)


def _read_unless_kept(body: Body) -> ChatRequest | Failure:
    return _refused(body) or _read(body)


def _refused(body: Body) -> Failure | None:
    """The failure for a request that needs what this target doesn't keep."""
    for name in _KEPT_AT_OPENAI:
        if not body.is_null(name):
            text = (
                f"{name} can't be used here: this target keeps no responses. Send the whole conversation in input, or "
                "route the request to a provider that serves the Responses API itself."
            )
            return Failure(Kind.UNSUPPORTED_OPERATION, text, name)
    if body.raw("background") == b"true":
        text = "background: true can't be served by this target: it answers at once. Leave it out."
        return Failure(Kind.UNSUPPORTED_OPERATION, text, "background")
    return None


def _read(body: Body) -> ChatRequest | Failure:
    items = _items(body)
    for position, item in enumerate(items):
        kind = item.get("type") if isinstance(item, dict) else None
        if isinstance(kind, str) and kind in _STATE_ITEMS:
            text = (
                f"input[{position}] {_STATE_ITEMS[kind]}: send the conversation itself, as clients do that are told "
                "store: false, or have the gateway keep responses (setting responses.store)."
            )
            return Failure(Kind.UNSUPPORTED_OPERATION, text, f"input[{position}]")
    added = [(item.get("tools"), f"input[{n}].tools") for n, item in enumerate(items) if adds_tools(item)]
    tools = read_tools([(body.value("tools"), "tools"), *added])
    parameters: dict[str, Any] = {}
    for name in body:
        if name not in _ELSEWHERE and not body.is_null(name):
            _add_parameter(parameters, body, name)
    limit_wins(body, parameters)
    if tools.offered:
        parameters["tools"] = tools.offered
    choice = read_choice(body.value("tool_choice"), tools)
    if choice is not None and (tools.offered or choice.mode != "auto"):
        parameters["tool_choice"] = choice
    for path in tools.dropped:
        parameters[_HERE + path] = True
    _add_text(parameters, body)
    hides_thinking = _add_reasoning(parameters, body)
    _add_includes(parameters, body.value("include"))
    if body.raw("store") == b"true":
        parameters[_HERE + "store"] = True
    model = body.value("model")
    places: dict[str, str] = {}
    messages = (*_instructions(body), *read_items(items, tools, places))
    if not messages:
        raise Malformed("input", "a string or a non-empty array of items")
    return ChatRequest(
        model if isinstance(model, str) else "",
        messages,
        parameters,
        body.raw("stream") == b"true",
        msgspec.structs.replace(WORDING, places=places) if places else WORDING,
        hides_thinking,
        _echo(body, tools.forms),
    )


def _items(body: Body) -> list[Any]:
    value = body.value("input")
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    if value is None and not body.is_null("instructions"):
        return []
    if not isinstance(value, list):
        raise Malformed("input", "a string or an array of items")
    return value


def _instructions(body: Body) -> tuple[Message, ...]:
    value = body.value("instructions")
    if value is None or value == "":
        return ()
    if isinstance(value, list):  # what a response repeats of them
        return read_items(value, read_tools(()))
    if not isinstance(value, str):
        raise Malformed("instructions", "a string")
    return (Message("system", (TextPart(value),), path="instructions"),)


def _add_parameter(parameters: dict[str, Any], body: Body, name: str) -> None:
    if name in _LOCAL:
        if body.raw(name) != _HARMLESS.get(name):
            parameters[_HERE + name] = True
        return
    own = _NAMES.get(name, name)
    if own in _NOT_OURS:
        raise Malformed(name, NO_SUCH_PARAMETER)
    parameters[own] = checked(own, name, body.value(name))


_NOT_OURS: Final = ("reasoning_effort", "messages")
"""What chats have in place of this wire's ``reasoning`` and ``input``."""


def _member(body: Body, name: str) -> Body | None:
    """A member that is an object, with the bytes of its own members."""
    if body.is_null(name):
        return None
    try:
        return Body.parse(body.raw(name) or b"")
    except BodyError:
        raise Malformed(name, "an object") from None


def _add_text(parameters: dict[str, Any], body: Body) -> None:
    """``text``: the form of the answer, and how long-winded it is."""
    text = _member(body, "text")
    if text is None:
        return
    verbosity = text.value("verbosity")
    if not isinstance(verbosity, str | None):
        raise Malformed("text.verbosity", "a string")
    if verbosity is not None:
        parameters["verbosity"] = verbosity
    form = _format(text)
    if form is not None:
        parameters["response_format"] = form
    for name in text:
        if name not in {"format", "verbosity"} and not text.is_null(name):
            parameters[f"{_HERE}text.{name}"] = True


def _format(text: Body) -> Format | None:
    form = _member(text, "format")
    if form is None:
        return None
    kind = form.value("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return Format("json_object")
    if kind != "json_schema" or not isinstance(form.value("schema"), dict):
        raise Malformed("text.format", "of type text, json_object or json_schema with a schema")
    name, description, strict = (form.value(member) for member in ("name", "description", "strict"))
    return Format(
        "json_schema",
        name if isinstance(name, str) else "",
        description if isinstance(description, str) else "",
        form.raw("schema") or b"",
        strict if isinstance(strict, bool) else None,
    )


def _add_reasoning(parameters: dict[str, Any], body: Body) -> bool:
    """``reasoning``: how much to think. Whether the text of thoughts is hidden: a summary that is null says so."""
    value = body.value("reasoning")
    if value is None:
        return False
    if not isinstance(value, dict):
        raise Malformed("reasoning", "an object")
    effort = value.get("effort")
    if not isinstance(effort, str | None):
        raise Malformed("reasoning.effort", "a string")
    if effort:
        parameters["reasoning"] = Reasoning(effort)
    for name in value:
        if name not in _OF_REASONING and value[name] is not None:
            parameters[f"{_HERE}reasoning.{name}"] = True
    return "summary" in value and value["summary"] is None and not value.get("generate_summary")


_OF_REASONING: Final = frozenset({"effort", "summary", "generate_summary"})


def _add_includes(parameters: dict[str, Any], include: Any) -> None:
    """``include``: log probabilities are a parameter elsewhere; opaque reasoning always comes."""
    include = [] if include is None else include
    if not isinstance(include, list):
        raise Malformed("include", "an array of strings")
    if _LOGPROBS in include or parameters.get("top_logprobs"):
        parameters["logprobs"] = True
    others = [each for each in include if not (isinstance(each, str) and each in _KNOWN_INCLUDES)]
    if others:
        parameters[_HERE + "include"] = True


def _echo(body: Body, forms: Mapping[str, ToolForm]) -> Echo:
    """What the response repeats of the request."""
    members = {name: body.raw(name) or b"null" for name in body if name in REPEATED and not body.is_null(name)}
    if "reasoning" in members:
        value = body.value("reasoning")
        values = value if isinstance(value, dict) else {}
        members["reasoning"] = write_json({"effort": None, "summary": None, **values})
    if "text" in members:
        text = json_text.mapping({"text": body.value("text")}, "text")
        members["text"] = write_json({"format": {"type": "text"}, **{k: v for k, v in text.items() if v is not None}})
    return Echo(members, forms)
