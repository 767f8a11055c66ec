"""OpenAI's chat completions as a dialect of lane 2: for callers of other wires, at hosts of OpenAI's.

A request is written as OpenAI documents it, then fitted to the host and the model as on lane 1: renames, drops, limits.
Replies are read in reply.py. Source: OpenAI API reference, "Create chat completion".
"""

from __future__ import annotations

from typing import Any, Final

from penstock.core.body import Body
from penstock.core.chat import ChatRequest, Reasoning, ToolChoice
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import write_json
from penstock.core.parameters import Parameters
from penstock.core.traits import Traits
from penstock.dialects.dialect import Payload, ProviderDialect, WriteContext
from penstock.dialects.foreign import PLAIN, ready_for
from penstock.dialects.function_tools import unknown_choice
from penstock.dialects.openai.provider.reply import OpenAiStream, read_reply
from penstock.dialects.openai.provider.request import DOCUMENTED, Host, body
from penstock.dialects.openai.relay.model_limits import fit_to_model
from penstock.dialects.openai.relay.request import without_refused

_TIERS: Final = frozenset({"auto", "default", "flex", "priority", "scale"})
_EFFORT_OF_BUDGET: Final = ((2048, "low"), (12_288, "medium"))
"""The word for a budget of up to so many tokens; more is ``high`` (docs/portkey.md#reasoning-efforts)."""
_HIGHEST: Final = {"max": "high", "xhigh": "high"}
"""The word that every host knows for efforts beyond it."""
_CAN_STREAM_USAGE: Final = "stream_options"


def write(request: ChatRequest, context: WriteContext) -> Payload | Failure:
    """The request for a host of OpenAI's wire, or why there can be none."""
    quirks, traits = context.quirks, context.traits
    request, parameters = ready_for(PLAIN, request, traits)
    effort = _effort(parameters, traits)
    limit = "max_completion_tokens" if quirks.developer_role else "max_tokens"
    host = Host(parameters=DOCUMENTED, limit=limit, lists=False, joint="\n\n")
    if parameters.peek("service_tier") not in _TIERS:
        host = Host(parameters=DOCUMENTED - {"service_tier"}, limit=limit, lists=False, joint="\n\n")
    unknown = _unknown_tool(parameters)
    if unknown is not None:
        return unknown
    found = {"model": context.model, **body(request, parameters, host)}
    if effort:
        found["reasoning_effort"] = effort
    _without_idle_choice(found, parameters)
    dropped = {drop.parameter for drop in quirks.drops}
    if request.stream:
        found["stream"] = True
        if _CAN_STREAM_USAGE not in dropped:
            found[_CAN_STREAM_USAGE] = {"include_usage": True}
    fitted = _fitted(Body.parse(write_json(found)), parameters, context)
    return Payload(fitted.encode(), parameters.dropped())


def _fitted(given: Body, parameters: Parameters, context: WriteContext) -> Body:
    """The body as the host and the model take it."""
    quirks = context.quirks
    fitted, refused = without_refused(given, quirks)
    if quirks.applies_model_limits:
        fitted, unfit = fit_to_model(fitted, context.traits, quirks.thinking)
        refused += unfit
    for name in refused:
        parameters.unsupported(name)
    return fitted if quirks.adapts_request is None else quirks.adapts_request(fitted)


# Tools.


def _unknown_tool(parameters: Parameters) -> Failure | None:
    """What is wrong with a choice that names a tool which this wire lacks, or which isn't there."""
    choice: ToolChoice | None = parameters.peek("tool_choice")
    names = [getattr(tool, "name", "") for tool in parameters.peek("tools") or ()]
    unknown = unknown_choice(choice, names)
    if unknown is None or choice is None:
        return None
    text = f"The tool {choice.names[0]!r} can't be called here: it is no function, or not among tools."
    return Failure(Kind.INVALID_REQUEST, text, "tool_choice")


def _without_idle_choice(found: dict[str, Any], parameters: Parameters) -> None:
    """A choice among no tools is refused everywhere, and so is what else is said of them."""
    if "tools" in found:
        return
    if found.pop("tool_choice", "auto") not in ("auto", "none"):
        parameters.unsupported("tool_choice")
    found.pop("parallel_tool_calls", None)


# How much to think.


def _effort(parameters: Parameters, traits: Traits) -> str:
    """Take what is said of thinking, as OpenAI's word; empty to leave it to the model.

    A model that can't think, or can't stop, goes on as it does: asking for it is a habit of clients, no condition.
    """
    asked = parameters.reasoning()
    if asked is None or (traits.family and traits.thinking == "none" and not traits.thinks_unasked):
        return ""
    if asked.enabled is False or asked.effort == "none":
        return "none" if traits.thinks_unasked and traits.can_stop_thinking else ""
    return _word(asked, traits)


def _word(asked: Reasoning, traits: Traits) -> str:
    word = asked.effort
    if not word and asked.budget is not None:
        word = next((name for most, name in _EFFORT_OF_BUDGET if asked.budget <= most), "high")
    return word if word in traits.efforts else _HIGHEST.get(word, word)


DIALECT: Final = ProviderDialect("openai_chat", write, OpenAiStream, read_reply)
"""Hosts of OpenAI's chat completions, on lane 2."""
