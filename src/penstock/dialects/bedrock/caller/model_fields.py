"""What a caller of Converse says to the model alone, in its maker's words: ``additionalModelRequestFields``.

What other makers' models have words for is read: Claude's thinking, the form of its answer and its choice of tools,
Nova's and the open weights' effort, sampling. The rest keeps its name, so that the maker's own API is told and
everybody else's names it. Sources: Claude docs, "Thinking", "Effort", "Structured outputs"; Amazon Nova 2 user guide,
"Extended thinking"; Amazon Bedrock user guide, "Inference request parameters".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.body import Body
from penstock.core.chat import NativeTool, Reasoning, Tool
from penstock.dialects.anthropic.caller.request import other_output, read_format, read_thinking
from penstock.dialects.anthropic.caller.tools import read_choice, read_tools
from penstock.dialects.malformed import Malformed
from penstock.dialects.parameter_types import checked

FIELDS: Final = "additionalModelRequestFields"
_READ: Final = frozenset(
    """
    thinking reasoning_config reasoningConfig output_config output_format reasoning_effort reasoning tools tool_choice
    inferenceConfig
    """.split()
)
_FORMAT: Final = f"{FIELDS}.output_format"
_OTHERS_TOO: Final = frozenset({"tool_choice", "output_format"})
"""Of these, what other makers call by the same name: a word, where Claude's is an object."""
_TAKEN: Final = frozenset({"messages", "model", "stream", "system", "max_tokens", "response_format", "metadata"})
"""Names that mean something else among the parameters of a request."""


class ModelFields(msgspec.Struct, frozen=True):
    """``parameters`` are by OpenAI's names, or the maker's; ``names`` are the places of those in the request.
    ``hides_thinking``: the caller wants thoughts without their text."""

    parameters: Mapping[str, Any] = {}
    names: Mapping[str, str] = {}
    tools: tuple[Tool | NativeTool, ...] = ()
    reasoning: Reasoning | None = None
    hides_thinking: bool = False


_NONE: Final = ModelFields()


def read_model_fields(body: Body) -> ModelFields:
    """The fields of a request. Raises Malformed."""
    fields = body.value(FIELDS)
    if fields is None:
        return _NONE
    if not isinstance(fields, dict):
        raise Malformed(FIELDS, "an object")
    parameters: dict[str, Any] = {}
    names: dict[str, str] = {}
    for name, value in fields.items():
        is_others = name in _OTHERS_TOO and not isinstance(value, dict)
        if value is None or (name in _READ and not is_others):
            continue
        own = f"{FIELDS}.{name}"
        known = own if name in _TAKEN or is_others else name
        parameters[known] = checked(known, own, value)
        names[known] = own
    for name, value in json_text.mapping(fields, "inferenceConfig").items():
        own = f"{FIELDS}.inferenceConfig.{name}"
        known = "top_k" if name == "topK" else own
        parameters[known] = checked(known, own, value)
    parameters |= _choice(json_text.mapping(fields, "tool_choice"))
    own_body = Body.parse(body.raw(FIELDS) or b"")
    config = json_text.mapping(fields, "output_config")
    is_older = config.get("format") is None
    form = None if is_older and _FORMAT in parameters else read_format(own_body, f"{FIELDS}.")
    if form is not None:
        parameters["response_format"] = form
        names["response_format"] = _FORMAT if is_older else f"{FIELDS}.output_config.format"
    other = other_output(config)
    if other is not None:
        parameters["output_config"] = other
        names["output_config"] = f"{FIELDS}.output_config"
    native = _thinking(fields)
    return ModelFields(
        parameters,
        names,
        read_tools(own_body),
        _reasoning(fields, native),
        native is not None and native.get("display") == "omitted",
    )


def _choice(choice: Mapping[str, Any]) -> dict[str, Any]:
    """What Claude's choice of tools says; without a type it says only whether calls may stand beside each other."""
    if choice.get("type") is None:
        return {"parallel_tool_calls": False} if choice.get("disable_parallel_tool_use") is True else {}
    return read_choice(choice, f"{FIELDS}.tool_choice")


def _thinking(fields: Mapping[str, Any]) -> dict[str, Any] | None:
    """Claude's own parameter, also by its older name at Bedrock."""
    for name in ("thinking", "reasoning_config"):
        if isinstance(fields.get(name), dict):
            found: dict[str, Any] = fields[name]
            return found
    return None


def _reasoning(fields: Mapping[str, Any], native: Mapping[str, Any] | None) -> Reasoning | None:
    """How much to think, in whose words ever."""
    nova = json_text.mapping(fields, "reasoningConfig")
    if native is None and nova.get("type") == "disabled":
        return Reasoning(enabled=False)
    effort = (
        json_text.text(json_text.mapping(fields, "output_config"), "effort")
        or json_text.text(nova, "maxReasoningEffort")
        or json_text.text(fields, "reasoning_effort")
        or json_text.text(json_text.mapping(fields, "reasoning"), "effort")
    )
    if native is None:
        return Reasoning(effort) if effort else Reasoning(enabled=True) if nova.get("type") == "enabled" else None
    return read_thinking(native, effort)
