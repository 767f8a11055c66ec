"""A chat request in the words of Responses: for models that their host serves there alone.

Nothing is kept at the host unless the caller asks for it: the conversation comes with every request, encrypted thoughts
included. Source: OpenAI API reference, "Create a model response"; OpenAI docs, "Migrate to the Responses API".
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from penstock.core.chat import ChatRequest, Owner, Reasoning
from penstock.core.failure import Failure, Kind
from penstock.core.parameters import Parameters, is_default
from penstock.core.traits import Traits
from penstock.dialects.dialect import Payload, WriteContext, encoded
from penstock.dialects.foreign import Reader, ready_for
from penstock.dialects.openai.provider.chat import effort_of
from penstock.dialects.responses.provider.items import write_items
from penstock.dialects.responses.provider.tools import write_tools

_READER: Final = Reader(
    Owner.OPENAI,
    system_in_place=True,
    errors=False,
    marks=False,
    kinds={"web_search": "web_search", "code": "code_interpreter"},
)
_SAME: Final = (
    "temperature", "top_p", "top_logprobs", "metadata", "user", "safety_identifier", "prompt_cache_key",
    "prompt_cache_retention", "prompt_cache_options", "max_tool_calls", "truncation", "context_management",
    "moderation",
)  # fmt: skip
"""Parameters of one name in both wires, or of this wire alone."""
_TIERS: Final = frozenset({"auto", "default", "flex", "priority", "scale"})
_SCHEMA_NAME: Final = "answer"
_ENCRYPTED: Final = "reasoning.encrypted_content"
_LOGPROBS: Final = "message.output_text.logprobs"


def write(request: ChatRequest, context: WriteContext) -> Payload | Failure:
    """The request for a host of Responses, or why there can be none."""
    traits = context.traits
    request, parameters = ready_for(_READER, request, traits)
    items = write_items(request, parameters)
    if not items:
        text = f"{context.provider} needs a message with visible content: add one to messages."
        return Failure(Kind.INVALID_REQUEST, text, "messages")
    body: dict[str, Any] = {"model": context.model, "input": items}
    limit = parameters.max_tokens()
    if limit is not None:
        body["max_output_tokens"] = limit
    reasoning: Reasoning | None = parameters.peek("reasoning")
    effort = effort_of(parameters, traits)
    if effort or _wants_summary(request, reasoning):
        body["reasoning"] = _reasoning(request, reasoning, effort)
    refused = _refused(traits, effort)
    body |= _same(parameters, refused)
    tools = write_tools(parameters)
    if isinstance(tools, Failure):
        return tools
    body |= {name: value for name, value in tools.items() if name not in refused}
    body |= _text(parameters)
    body["store"] = parameters.value("store") is True
    include = _includes(parameters, traits, refused)
    if include:
        body["include"] = include
    if request.stream:
        body["stream"] = True
    return Payload(encoded(body, request), parameters.dropped())


def _same(parameters: Parameters, refused: frozenset[str]) -> dict[str, Any]:
    """The parameters that both wires have, without those that the model refuses."""
    members: dict[str, Any] = {}
    for name in _SAME:
        value = parameters.peek(name)
        if value is not None and (name not in refused or is_default(name, value)):
            parameters.value(name)
            if name not in refused:
                members[name] = value
    if parameters.peek("service_tier") in _TIERS:
        members["service_tier"] = parameters.value("service_tier")
    return members


def _includes(parameters: Parameters, traits: Traits, refused: frozenset[str]) -> list[str]:
    """What the reply is to hold beside its text: log probabilities, and thoughts in the form in which they are sent
    back, which models that don't think refuse."""
    include: list[str] = []
    if "logprobs" not in refused and parameters.peek("logprobs") is True:
        parameters.value("logprobs")
        include.append(_LOGPROBS)
    if traits.thinking != "none" or traits.thinks_unasked:
        include.append(_ENCRYPTED)
    return include


def _wants_summary(request: ChatRequest, reasoning: Reasoning | None) -> bool:
    """Whether the caller asked to read what the model thinks: who turns thinking on in a wire that shows thoughts does;
    an effort alone doesn't say so. OpenAI shows summaries to verified organisations alone, so that they are asked for
    only then."""
    if reasoning is None or reasoning.enabled is False or request.hides_thinking:
        return False
    return reasoning.enabled is True or reasoning.native is not None


def _reasoning(request: ChatRequest, reasoning: Reasoning | None, effort: str) -> dict[str, Any]:
    members = {"effort": effort} if effort else {}
    return {**members, "summary": "auto"} if _wants_summary(request, reasoning) else members


def _refused(traits: Traits, effort: str) -> frozenset[str]:
    """The parameters that the model answers with an error."""
    thinks = traits.thinks_unasked if not effort else effort != "none"
    return traits.refuses | (traits.refuses_thinking if thinks else frozenset())


def _text(parameters: Parameters) -> dict[str, Any]:
    """``text``: the form of the answer, and how long-winded it is."""
    text: dict[str, Any] = {}
    form = parameters.format()
    if form is not None:
        written: dict[str, Any] = {"type": form.kind}
        if form.kind == "json_schema":
            written["name"] = form.name or _SCHEMA_NAME
            written |= {"description": form.description} if form.description else {}
            written["schema"] = msgspec.Raw(form.schema or b"{}")
            written |= {} if form.strict is None else {"strict": form.strict}
        text["format"] = written
    verbosity = parameters.value("verbosity")
    if verbosity is not None:
        text["verbosity"] = verbosity
    return {"text": text} if text else {}
