"""A chat request in Anthropic's dialect, for its own API and for the hosts whose requests differ in little.

What the hosts differ in is in hosts.py. Parameters that Anthropic documents pass under their own names; numbers are
never changed. Sources: Anthropic API reference, "Create a Message"; Claude docs, "Structured outputs", "Thinking",
"Claude on Vertex AI", "Claude on Amazon Bedrock"; docs/portkey.md#anthropic-messages,
#vertex-ai.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.chat import ChatRequest, Format, Owner
from penstock.core.failure import Failure, Kind
from penstock.core.parameters import Parameters
from penstock.core.traits import Traits
from penstock.dialects.anthropic.hosts import Host, host_of
from penstock.dialects.anthropic.provider import betas as beta_features
from penstock.dialects.anthropic.provider.messages import Conversation
from penstock.dialects.anthropic.provider.thinking import Thinking, decide
from penstock.dialects.anthropic.provider.tools import write_tools
from penstock.dialects.anthropic.provider.user import anonymous_user
from penstock.dialects.cache_markers import with_visible_markers
from penstock.dialects.dialect import Payload, WriteContext, encoded
from penstock.dialects.foreign import Reader, ready_for
from penstock.dialects.format_in_words import format_in_words
from penstock.dialects.strict_schema import Enforced, strict_schema

_VERSION: Final = "2023-06-01"
_TIERS: Final = ("auto", "standard_only")
_NATIVE: Final = frozenset(
    """
    cache_control container context_management diagnostics fallbacks fallback_credit_token inference_geo mcp_servers
    output_format speed
    """.split()
)
"""Anthropic's own parameters, passed on as they are."""
_STOPS: Final = frozenset({"stop", "stop_sequences"})
_EVERYDAY: Final = frozenset({"max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "stop"})
"""What most requests hold at most: nothing else is looked for in those."""


_CLAUDE: Final = Reader(Owner.ANTHROPIC)


def write(request: ChatRequest, context: WriteContext) -> Payload | Failure:
    """The request for Anthropic, or why there can be none."""
    request, parameters = ready_for(_CLAUDE, request, context.traits)
    request = with_visible_markers(request)
    host, traits = host_of(context.variant), context.traits
    conversation = Conversation(request, parameters, traits)
    messages = conversation.turns()
    if not messages:
        text = "Anthropic needs a message of a user or an assistant with visible content: add one to messages."
        return Failure(Kind.INVALID_REQUEST, text, "messages")
    thinking = decide(request, parameters, traits)
    body: dict[str, Any] = {"model": context.model} if host.names_model else {}
    body["max_tokens"] = thinking.max_tokens
    if thinking.effort or not _EVERYDAY.issuperset(request.parameters):
        wanted: Format | None = request.parameters.get("response_format")
        answer = strict_schema(wanted.schema) if wanted is not None and wanted.schema else None
        tools = write_tools(
            parameters, traits, Enforced(answer), bars_force=thinking.bars_force, searches=host.searches
        )
        if isinstance(tools, Failure):
            return tools
        body |= tools
        body |= _output_config(request, parameters, traits, thinking)
        body |= _about_the_request(request, parameters, host)
    system = [*conversation.system(), *_told_format(request, body)]
    if system:
        body["system"] = system
    body["messages"] = messages
    if request.stream and host.names_stream:
        body["stream"] = True
    if thinking.member is not None:
        body["thinking"] = thinking.member
    body |= _sampling(request, parameters, traits, thinks=thinking.is_on)
    if not _STOPS.isdisjoint(request.parameters):
        body |= _stop_sequences(parameters)
    headers = _versions(body, request, parameters, context, host)
    return Payload(encoded(body, request), parameters.dropped(), headers)


# The form of the answer.


def _output_config(request: ChatRequest, parameters: Parameters, traits: Traits, thinking: Thinking) -> dict[str, Any]:
    """The effort and the schema of the answer. What the caller says in Anthropic's own words wins."""
    own = request.parameters.get("output_config")
    config = dict(parameters.value("output_config")) if isinstance(own, dict) else {}
    if thinking.effort:
        config.setdefault("effort", thinking.effort)
    wanted: Format | None = request.parameters.get("response_format")
    if wanted is not None and wanted.schema and traits.json_schema and "format" not in config:
        parameters.format()
        schema = strict_schema(wanted.schema)
        config["format"] = {"type": "json_schema", "schema": msgspec.Raw(schema.data)}
        for keyword in schema.lost:
            parameters.unsupported(f"response_format.json_schema.schema.{keyword}")
        if wanted.description:
            parameters.unsupported("response_format.json_schema.description")
    return {"output_config": config} if config else {}


def _told_format(request: ChatRequest, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The form of the answer in words, where nothing enforces it."""
    wanted: Format | None = request.parameters.get("response_format")
    if wanted is None or "format" in body.get("output_config", ()):
        return []
    return [{"type": "text", "text": format_in_words(wanted)}]


# Sampling and limits.

_DEFAULTS: Final[Mapping[str, float]] = {"temperature": 1, "top_p": 1}
"""What leaving a parameter out means."""
_MIN_TOP_P_THINKING: Final = 0.95
_HOTTEST: Final = 1
"""The highest temperature that Claude takes (Anthropic API reference, "Create a Message")."""
_SAMPLING: Final = ("temperature", "top_p", "top_k")
_ONE_OF: Final = frozenset({"temperature", "top_p"})


def _sampling(request: ChatRequest, parameters: Parameters, traits: Traits, *, thinks: bool) -> dict[str, Any]:
    """The parameters that the model takes now; the others stay behind and count as dropped."""
    values = {name: value for name in _SAMPLING if (value := request.parameters.get(name)) is not None}
    if not (thinks or traits.one_of_sampling) and traits.refuses.isdisjoint(values):
        for name in values:
            parameters.value(name)
        return _within(values, parameters)
    refused = traits.refuses.intersection(values)
    if thinks:
        refused |= {name for name, value in values.items() if _is_refused_thinking(name, value, traits)}
    if traits.one_of_sampling and values.keys() - refused >= _ONE_OF:
        refused |= {"temperature" if values["temperature"] == _DEFAULTS["temperature"] else "top_p"}
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name not in refused:
            found[name] = parameters.value(name)
        elif value == _DEFAULTS.get(name):
            parameters.value(name)
    return _within(found, parameters)


def _within(values: dict[str, Any], parameters: Parameters) -> dict[str, Any]:
    """The parameters with the highest temperature for a higher one, which counts as dropped: OpenAI's go up to 2."""
    if values.get("temperature", 0) > _HOTTEST:
        parameters.unsupported("temperature")
        values["temperature"] = _HOTTEST
    return values


def _is_refused_thinking(name: str, value: float, traits: Traits) -> bool:
    if name == "top_p":
        return value < _MIN_TOP_P_THINKING
    return name in {"temperature", "top_k"} or name in traits.refuses_thinking


def _stop_sequences(parameters: Parameters) -> dict[str, Any]:
    """Those with a visible character: Anthropic refuses the others."""
    sequences, own = parameters.stop(), parameters.value("stop_sequences")
    if not (sequences or own):
        return {}
    named: list[tuple[str, Any]] = [(f"stop[{position}]", sequence) for position, sequence in enumerate(sequences)]
    named += [(f"stop_sequences[{n}]", sequence) for n, sequence in enumerate(own if isinstance(own, list) else [])]
    found = []
    for path, sequence in named:
        if isinstance(sequence, str) and sequence.strip():
            found.append(sequence)
        elif sequence:
            parameters.unsupported(path)
    return {"stop_sequences": found} if found else {}


# About the request.


def _about_the_request(request: ChatRequest, parameters: Parameters, host: Host) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in request.parameters:
        if name in _NATIVE and (value := parameters.value(name)) is not None:
            found[name] = value
    if host.has_tiers and request.parameters.get("service_tier") in _TIERS:
        found["service_tier"] = parameters.value("service_tier")
    metadata = _metadata(request, parameters)
    return {**found, "metadata": metadata} if metadata else found


def _metadata(request: ChatRequest, parameters: Parameters) -> dict[str, Any]:
    """Anthropic knows of the user only."""
    metadata = request.parameters.get("metadata")
    if isinstance(metadata, dict) and "user_id" in metadata:
        parameters.value("metadata")
        for name in metadata:
            if name != "user_id":
                parameters.unsupported(f"metadata.{name}")
        return {"user_id": metadata["user_id"]}
    user = anonymous_user(request, parameters)
    return {"user_id": user} if user else {}


def _versions(
    body: dict[str, Any], request: ChatRequest, parameters: Parameters, context: WriteContext, host: Host
) -> tuple[tuple[str, str], ...]:
    """The version and the betas, in the body or as header fields as the host wants them."""
    headers: dict[str, str] = {}
    asked, asked_betas = parameters.value("anthropic_version"), parameters.value("anthropic_beta")
    option = context.options.get("anthropic_version", "")
    asked_version = asked if beta_features.is_name(asked) else None
    if host.version:
        option = body["anthropic_version"] = host.body_version((option, asked_version))
    elif asked_version is not None and option in {"", _VERSION}:
        option = headers["anthropic-version"] = asked_version
    if asked is not None and asked != option:
        parameters.unsupported("anthropic_version")
    for name in beta_features.listed(asked_betas) if asked_betas else ():
        if not beta_features.is_name(name):
            parameters.unsupported("anthropic_beta")
    betas = beta_features.names(context.options.get("anthropic_beta"), asked_betas, body, is_prose=request.is_prose)
    if betas and host.betas_in_body:
        body["anthropic_beta"] = betas
    elif betas:
        headers["anthropic-beta"] = ",".join(betas)
    return tuple(headers.items())
