"""What a caller of Converse says to the model alone, in its maker's words: ``additionalModelRequestFields``.

What other makers' models have words for is read: Claude's thinking, Nova's and the open weights' effort, sampling.
The rest keeps its name, so that the maker's own API is told and everybody else's names it. Sources: Claude docs,
"Thinking", "Effort"; Amazon Nova 2 user guide, "Extended thinking"; Amazon Bedrock user guide, "Inference request
parameters".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.body import Body
from penstock.core.chat import NativeTool, Reasoning, Tool
from penstock.dialects.anthropic.caller.request import read_thinking
from penstock.dialects.anthropic.caller.tools import read_tools
from penstock.dialects.malformed import Malformed
from penstock.dialects.parameter_types import checked

FIELDS: Final = "additionalModelRequestFields"
_READ: Final = frozenset(
    """
    thinking reasoning_config reasoningConfig output_config reasoning_effort reasoning tools tool_choice inferenceConfig
    """.split()
)
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
        if value is None or name in _READ:
            continue
        own = f"{FIELDS}.{name}"
        known = own if name in _TAKEN else name
        parameters[known] = checked(known, own, value)
        names[known] = own
    nova = json_text.mapping(fields, "inferenceConfig")
    if "topK" in nova:
        parameters["top_k"] = checked("top_k", f"{FIELDS}.inferenceConfig.topK", nova["topK"])
    choice = json_text.mapping(fields, "tool_choice")
    if choice.get("disable_parallel_tool_use") is True:
        parameters["parallel_tool_calls"] = False
    native = _thinking(fields)
    return ModelFields(
        parameters,
        names,
        read_tools(Body.parse(body.raw(FIELDS) or b"")),
        _reasoning(fields, native),
        native is not None and native.get("display") == "omitted",
    )


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
