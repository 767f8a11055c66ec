"""OpenAI's chat completions as a provider dialect (lane 2): for callers of other wires, at hosts that speak OpenAI's.

A request is written as OpenAI documents it, then adapted to the host and the model as on lane 1: renames, drops,
limits. reply.py reads the replies. Source: OpenAI API reference, "Create chat completion".
"""

from __future__ import annotations

from typing import Any, Final

from penstock.core.body import Body
from penstock.core.chat import ChatRequest, Reasoning, ToolChoice
from penstock.core.failure import Failure, Kind
from penstock.core.parameters import Parameters
from penstock.core.traits import Traits
from penstock.dialects import function_names
from penstock.dialects.dialect import Payload, ProviderDialect, WriteContext, encoded
from penstock.dialects.foreign import PLAIN, ready_for
from penstock.dialects.function_tools import unknown_choice
from penstock.dialects.openai.provider.reply import OpenAiStream, read_reply
from penstock.dialects.openai.provider.request import DOCUMENTED, Host, body
from penstock.dialects.openai.relay.host_limits import fit_to_host
from penstock.dialects.openai.relay.model_limits import fit_to_model
from penstock.dialects.openai.relay.request import not_served, without_refused

_TIERS: Final = frozenset({"auto", "default", "flex", "priority", "scale"})
_EFFORT_OF_BUDGET: Final = ((2048, "low"), (12_288, "medium"))
"""The largest budget in tokens of each effort; a larger budget is ``high`` (docs/portkey.md#reasoning-efforts)."""
_HIGHEST: Final = {"max": "high", "xhigh": "high"}
"""The nearest effort that every host accepts, for efforts that only some hosts accept."""
_USUAL: Final = "medium"
"""The effort for a model that is to think and doesn't unless it is told how much."""
_CAN_STREAM_USAGE: Final = "stream_options"


def write(request: ChatRequest, context: WriteContext) -> Payload | Failure:
    """The request for a host that speaks OpenAI's wire, or a failure."""
    quirks, traits = context.quirks, context.traits
    elsewhere = not_served(context)
    if elsewhere is not None:
        return elsewhere
    request, parameters = ready_for(PLAIN, request, traits)
    effort = effort_of(parameters, traits)
    limit = "max_completion_tokens" if quirks.developer_role else "max_tokens"
    host = Host(parameters=DOCUMENTED, limit=limit, lists=False, joint="\n\n")
    if parameters.peek("service_tier") not in _TIERS:
        host = Host(parameters=DOCUMENTED - {"service_tier"}, limit=limit, lists=False, joint="\n\n")
    unknown = _unknown_tool(parameters)
    if unknown is not None:
        return unknown
    members = {"model": context.model, **body(request, parameters, host)}
    if effort:
        members["reasoning_effort"] = effort
    _without_idle_choice(members, parameters)
    dropped = {drop.parameter for drop in quirks.drops}
    if request.stream:
        members["stream"] = True
        if _CAN_STREAM_USAGE not in dropped:
            members[_CAN_STREAM_USAGE] = {"include_usage": True}
    fitted = _fitted(Body.parse(encoded(members, request)), parameters, context)
    return Payload(fitted.encode(), parameters.dropped())


def _fitted(written: Body, parameters: Parameters, context: WriteContext) -> Body:
    """The body with the renames, drops and limits of the host and the model."""
    quirks = context.quirks
    fitted, refused = without_refused(written, quirks)
    if quirks.applies_model_limits:
        fitted, unfit = fit_to_model(fitted, context.traits, quirks.thinking)
        refused += unfit
    if quirks.adapts_request is not None:
        fitted = quirks.adapts_request(fitted)
    fitted, strict = fit_to_host(fitted, quirks)
    for name in (*refused, *strict):
        parameters.unsupported(name)
    return fitted


# Tools.


def _unknown_tool(parameters: Parameters) -> Failure | None:
    """The failure for a tool choice that names a tool which this wire can't express or the request doesn't have."""
    choice: ToolChoice | None = parameters.peek("tool_choice")
    names = [getattr(tool, "name", "") for tool in parameters.peek("tools") or ()]
    unknown = unknown_choice(choice, names)
    if unknown is None or choice is None:
        return None
    text = f"The tool {choice.names[0]!r} can't be called here: it is no function, or not among tools."
    return Failure(Kind.INVALID_REQUEST, text, "tool_choice")


def _without_idle_choice(members: dict[str, Any], parameters: Parameters) -> None:
    """Remove the tool settings of a request without tools: every host refuses ``tool_choice`` and
    ``parallel_tool_calls`` without ``tools``."""
    if "tools" in members:
        return
    if members.pop("tool_choice", "auto") not in ("auto", "none"):
        parameters.unsupported("tool_choice")
    members.pop("parallel_tool_calls", None)


# Reasoning.


def effort_of(parameters: Parameters, traits: Traits) -> str:
    """Take the reasoning settings, as OpenAI's effort; empty to send no effort.

    For a model that can't think, or can't stop thinking, no effort is sent and no loss is reported: many clients send
    the setting to every model.
    """
    reasoning = parameters.reasoning()
    if reasoning is None or (traits.family and traits.thinking == "none" and not traits.thinks_unasked):
        return ""
    if reasoning.enabled is False or reasoning.effort == "none":
        return "none" if traits.thinks_unasked and traits.can_stop_thinking else ""
    return _word(reasoning, traits)


def _word(reasoning: Reasoning, traits: Traits) -> str:
    word = reasoning.effort
    if not word and reasoning.budget is not None:
        word = next((name for most, name in _EFFORT_OF_BUDGET if reasoning.budget <= most), "high")
    if not word and reasoning.enabled and not traits.thinks_unasked and _USUAL in traits.efforts:
        return _USUAL
    return word if word in traits.efforts else _HIGHEST.get(word, word)


DIALECT: Final = ProviderDialect(
    "openai_chat", write, OpenAiStream, read_reply, function_names=function_names.OPENAI, repeats_texts=True
)
"""The provider dialect of OpenAI's chat completions (lane 2)."""
