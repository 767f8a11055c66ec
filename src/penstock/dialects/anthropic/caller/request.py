"""An Anthropic request, read whole into a ``ChatRequest``: the way into lane 2.

Parameters take OpenAI's names where there is one; the others keep their own, so that a dialect that doesn't know them
names them. Messages are read in messages.py, tools in tools.py. Source: Anthropic API reference, "Create a Message".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from penstock.core import json_text
from penstock.core.body import Body
from penstock.core.chat import ChatRequest, Format, Message, Reasoning, TextPart, Wording
from penstock.core.failure import Failure, Kind
from penstock.dialects.anthropic.caller.messages import read_content, read_messages
from penstock.dialects.anthropic.caller.tools import read_choice, read_tools
from penstock.dialects.foreign import UNREAD_REASONING
from penstock.dialects.malformed import Malformed, read_whole
from penstock.dialects.parameter_types import checked, is_strings

WORDING: Final = Wording(
    names={
        "max_completion_tokens": "max_tokens",
        "stop": "stop_sequences",
        "user": "metadata.user_id",
        "reasoning_effort": "output_config.effort",
        "reasoning": "thinking",
        UNREAD_REASONING: "messages.thinking",
        "reasoning.max_tokens": "thinking.budget_tokens",
        "response_format": "output_config.format",
        "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    },
    inside={
        ".function.parameters": ".input_schema",
        ".function": "",
        ".json_schema": "",
        ".image_url": "",
        ".file.filename": ".title",
        "].tool_calls[": "].content[",
    },
    once=frozenset({"cache_control", "defer_loading", "input_examples", "allowed_callers"}),
    silent=frozenset({"eager_input_streaming", "anthropic_version", "anthropic_beta"}),
)
"""What callers of Anthropic's wire call what is dropped."""

_NAMES: Final[Mapping[str, str]] = {"max_tokens": "max_completion_tokens", "stop_sequences": "stop"}
_ELSEWHERE: Final = frozenset(
    "model messages stream system tools tool_choice thinking output_config output_format metadata".split()
)
_BILLING: Final = "x-anthropic-billing-header:"
"""How the block begins by which Claude Code names itself: no prompt, and it spoils other providers' caches."""
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_HARMLESS_EDITS: Final = "clear_thinking_"


def read_request(body: Body) -> ChatRequest | Failure:
    """The request that a body is, or what is wrong with it and where."""
    return read_whole(_read, body)


def _read(body: Body) -> ChatRequest | Failure:
    for name, meaning in _ONLY_AT_ANTHROPIC.items():
        if not body.is_null(name):
            text = f"{name} {meaning}: leave it out, or route the request to Anthropic."
            return Failure(Kind.INVALID_REQUEST, text, name)
    parameters: dict[str, Any] = {}
    for name in body:
        if name not in _ELSEWHERE and not body.is_null(name) and not _is_harmless(body, name):
            parameters[_NAMES.get(name, name)] = _checked(name, body.value(name))
    tools = read_tools(body)
    if tools:
        parameters["tools"] = tools
    parameters |= read_choice(body.value("tool_choice"))
    config = body.value("output_config")
    config = config if isinstance(config, dict) else {}
    _add(parameters, "response_format", read_format(body))
    thinking = body.value("thinking")
    hides_thinking = isinstance(thinking, dict) and thinking.get("display") == "omitted"
    _add(parameters, "reasoning", read_thinking(thinking, config.get("effort")))
    _add(parameters, "output_config", other_output(config))
    parameters |= _metadata(body.value("metadata"))
    model = body.value("model")
    messages = (*_system(body.value("system")), *read_messages(body))
    stream = body.raw("stream") == b"true"
    return ChatRequest(model if isinstance(model, str) else "", messages, parameters, stream, WORDING, hides_thinking)


def other_output(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """What ``output_config`` says beside the effort and the form."""
    return {name: value for name, value in config.items() if name not in _TAKEN} or None


_TAKEN: Final = frozenset({"effort", "format"})
_ONLY_AT_ANTHROPIC: Final[Mapping[str, str]] = {
    "safeguards": "can't be kept by other providers",
    "container": "is kept at Anthropic",
}
"""What must not be left out in silence: the answer would be another one."""


def _add(parameters: dict[str, Any], name: str, value: Any) -> None:
    if value is not None:
        parameters[name] = value


def _is_harmless(body: Body, name: str) -> bool:
    """Whether a member only says to forget earlier thoughts, which other makers' models aren't sent anyway."""
    if name != "context_management":
        return False
    management = body.value(name)
    edits = management.get("edits") if isinstance(management, dict) and len(management) == 1 else None
    return isinstance(edits, list) and all(
        isinstance(edit, dict) and json_text.text(edit, "type").startswith(_HARMLESS_EDITS) for edit in edits
    )


def _checked(name: str, value: Any) -> Any:
    if name in _STOPS and not is_strings(value):
        raise Malformed(name, "an array of strings")
    return checked(_NAMES.get(name, name), name, value)


_STOPS: Final = ("stop_sequences", "stop")


def _metadata(value: Any) -> dict[str, Any]:
    """Who asks: an id as it is; a digest of anything longer (Claude Code's is a JSON text of device and session)."""
    if not isinstance(value, dict):
        return {}
    user = value.get("user_id")
    others = {name: each for name, each in value.items() if name != "user_id"}
    found: dict[str, Any] = {"metadata": others} if others else {}
    if isinstance(user, str) and user:
        plain = _PLAIN_ID.fullmatch(user) is not None
        digest = hashlib.blake2s(user.encode("utf-8", "surrogatepass"), digest_size=16)
        found["user"] = user if plain else digest.hexdigest()
    return found


# The form of the answer, and how much to think about it.


def read_format(body: Body, at: str = "") -> Format | None:
    """The form that ``output_config.format`` says, or the older ``output_format``. ``at`` begins the places of the
    body's members in the request. Raises Malformed."""
    config = body.value("output_config")
    path, form = "output_config.format", config.get("format") if isinstance(config, dict) else None
    if form is None:
        path, form = "output_format", body.value("output_format")
    if form is None:
        return None
    if not isinstance(form, dict) or form.get("type") != "json_schema" or not isinstance(form.get("schema"), dict):
        raise Malformed(at + path, 'an object of type "json_schema" with a schema')
    return Format("json_schema", schema=_schema_bytes(body, path))


def _schema_bytes(body: Body, path: str) -> bytes:
    """The schema with its own bytes."""
    member = body
    for name in path.split("."):
        member = Body.parse(member.raw(name) or b"")
    return member.raw("schema") or b""


def read_thinking(thinking: Any, effort: Any) -> Reasoning | None:
    """How much to think, by the members ``thinking`` and ``output_config.effort``. Raises Malformed."""
    native = thinking if isinstance(thinking, dict) else None
    word = effort if isinstance(effort, str) else ""
    if native is None:
        return Reasoning(word) if word else None
    kind = native.get("type")
    if not isinstance(kind, str | None):
        raise Malformed("thinking.type", "a string")
    enabled = None if kind in {None, "between_tools"} else kind != "disabled"
    return Reasoning(word, json_text.integer(native, "budget_tokens"), enabled, native)


# The system prompt.


def _system(value: Any) -> tuple[Message, ...]:
    """The standing prompt: blocks stay apart where they are marked for a cache, and are one text otherwise."""
    if value is None:
        return ()
    if not isinstance(value, str | list):
        raise Malformed("system", "a string or an array of text blocks")
    parts = [
        part
        for part in read_content(value, "system")
        if not (isinstance(part, TextPart) and part.text.startswith(_BILLING))
    ]
    if not all(isinstance(part, TextPart) for part in parts):
        raise Malformed("system", "a string or an array of text blocks")
    texts = [part for part in parts if isinstance(part, TextPart)]
    if len(texts) > 1 and all(part.cache is None for part in texts):
        texts = [TextPart("\n\n".join(part.text for part in texts))]
    return (Message("system", tuple(texts), "", "system"),) if texts else ()
