"""A chat request for Bedrock's Converse, one shape for the models of all makers.

What Converse has no member for goes to the model itself, in its maker's words, as ``additionalModelRequestFields``.
The model isn't named here but in the path. The conversation is written in messages.py. Sources: Amazon Bedrock
API reference, "Converse"; user guide, "Structured outputs", "Inference request parameters"; Amazon Nova 2 user guide,
"Extended thinking"; docs/portkey.md#bedrock-converse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.chat import ChatRequest, Format, NativeTool, Owner, Tool, ToolChoice, place_of
from penstock.core.failure import Failure, Kind
from penstock.core.parameters import Parameters
from penstock.core.traits import Traits
from penstock.dialects.anthropic.provider import betas as beta_features
from penstock.dialects.anthropic.provider.user import anonymous_user
from penstock.dialects.bedrock.provider.messages import (
    Block,
    Turns,
    cache_point,
    called,
    holds_tools,
    takes_all_of_tools,
)
from penstock.dialects.bedrock.provider.nova_schema import NovaSchema, nova_schema
from penstock.dialects.bedrock.provider.thinking import Thinking, decide
from penstock.dialects.cache_markers import with_visible_markers
from penstock.dialects.dialect import Payload, WriteContext, encoded
from penstock.dialects.foreign import Reader, ready_for
from penstock.dialects.format_in_words import format_in_words
from penstock.dialects.function_tools import object_schema, unknown_choice
from penstock.dialects.root_schema import RootSchema, plain_root
from penstock.dialects.strict_schema import Enforced, StrictSchema, strict_schema

_NATIVE: Final[Mapping[str, tuple[str, ...]]] = {
    "guardrailConfig": ("guardrailConfig", "guardrail_config"),
    "additionalModelResponseFieldPaths": (
        "additionalModelResponseFieldPaths",
        "additional_model_response_field_paths",
    ),
    "promptVariables": ("promptVariables", "prompt_variables"),
    "performanceConfig": ("performanceConfig", "performance_config"),
}
"""Converse's own parameters, passed on as they are, and how callers spell them."""


def write(request: ChatRequest, context: WriteContext) -> Payload | Failure:
    """The request for Converse, or why there can be none."""
    traits = context.traits
    request, parameters = ready_for(Reader(Owner.AMAZON, traits.owner), request, traits)
    request = with_visible_markers(request)
    writer = Turns(request, parameters, traits, context.aliased_model or context.model)
    system, turns = writer.system(), writer.turns()
    if not turns or turns[0]["role"] != "user":
        text = "Bedrock needs a conversation that begins with visible content of the user: put such a message first."
        return Failure(Kind.INVALID_REQUEST, text, "messages")
    thinking = decide(request, parameters, traits)
    body: dict[str, Any] = {"messages": turns}
    _add(body, "system", _with_format(system, turns, request, traits))
    _add(body, "inferenceConfig", _inference(request, parameters, traits, thinking))
    fields = dict(thinking.fields)
    tools = _tools(parameters, traits, turns, thinking, fields, _enforced(request, traits))
    if isinstance(tools, Failure):
        return tools
    _add(body, "toolConfig", tools)
    _add(body, "outputConfig", _output_config(request, parameters, traits))
    _add_model_fields(fields, request, parameters, context, thinking)
    _add(body, "additionalModelRequestFields", fields)
    for name, spellings in _NATIVE.items():
        _add(body, name, parameters.first(*spellings))
    _add(body, "serviceTier", _tier(request, parameters))
    _add(body, "requestMetadata", _metadata(request, parameters))
    unstreamed = request.stream and bool(tools) and not traits.streams_tools
    return Payload(encoded(body, request), parameters.dropped(), unstreamed=unstreamed)


def _add(body: dict[str, Any], name: str, value: Any) -> None:
    if value:
        body[name] = value


# Sampling and limits.

_SAMPLING: Final[Mapping[str, str]] = {"temperature": "temperature", "top_p": "topP"}
_DEFAULTS: Final[Mapping[str, float]] = {"temperature": 1, "top_p": 1}
"""What leaving a parameter out means to the families that refuse it."""


_HOTTEST: Final = 1
"""The highest temperature that Converse takes (AWS API reference, "InferenceConfiguration"). A higher one counts as
dropped: OpenAI's go up to 2."""
_ALL_OF_COHERE: Final = 0.99
"""The highest that Cohere takes, for the 1 by which others say that every token may come."""


def _inference(request: ChatRequest, parameters: Parameters, traits: Traits, thinking: Thinking) -> dict[str, Any]:
    """What models of all makers know. Parameters that this one refuses now stay behind and count as dropped."""
    found: dict[str, Any] = {}
    if thinking.max_tokens is not None:
        found["maxTokens"] = thinking.max_tokens
    for name, own in _SAMPLING.items():
        value = request.parameters.get(name)
        if value is None:
            continue
        if name in traits.refuses or thinking.excludes(name, value):
            if value == _DEFAULTS[name]:
                parameters.value(name)
        elif not (name == "top_p" and traits.one_of_sampling and "temperature" in found):
            found[own] = parameters.value(name)
    if found.get("temperature", 0) > _HOTTEST:
        parameters.unsupported("temperature")
        found["temperature"] = _HOTTEST
    if found.get("topP") == 1 and traits.family.startswith("command"):
        found["topP"] = _ALL_OF_COHERE
    sequences = _stop_sequences(parameters, traits)
    return {**found, "stopSequences": sequences} if sequences else found


def _stop_sequences(parameters: Parameters, traits: Traits) -> list[str]:
    """Empty ones are refused by Converse, those without a visible character by Claude."""
    if "stop" in traits.refuses:
        return []
    found = []
    for position, sequence in enumerate(parameters.stop()):
        if sequence.strip() or (sequence and traits.owner != Owner.ANTHROPIC):
            found.append(sequence)
        elif sequence:
            parameters.unsupported(f"stop[{position}]")
    return found


# Tools.

_ANTHROPIC_TOOL: Final = re.compile(r".+_\d{8}")
"""The types of Anthropic's own tools end in the day of their version."""


def _tools(
    parameters: Parameters,
    traits: Traits,
    turns: list[Block],
    thinking: Thinking,
    fields: dict[str, Any],
    enforced: Enforced | None,
) -> dict[str, Any] | Failure:
    """The tools and the choice among them. Tools of Anthropic's own aren't Converse's: they go into ``fields``."""
    if not traits.tools:
        return {}
    choice, tools = parameters.tool_choice(), parameters.tools()
    known = {tool.name for tool in tools if isinstance(tool, Tool)}
    unknown = unknown_choice(choice, known)
    if unknown is not None:
        return unknown
    choice = _expressible(choice, parameters, traits, thinking, is_needed=holds_tools(turns))
    if choice is not None and choice.mode == "none":
        return {}
    only = _offered(choice, traits)
    written = [
        block
        for position, tool in enumerate(tools)
        if not only or not isinstance(tool, Tool) or tool.name in only
        for block in _tool(tool, position, parameters, traits, fields, enforced)
    ]
    if not written:
        # Converse refuses calls in a conversation without tools: those that were called stand for all.
        written = [_system_tool(name) if is_own else _spec(name) for name, is_own in called(turns).items()]
        if choice is not None and choice.mode == "required":
            parameters.unsupported("tool_choice")
            choice = None
    is_free = choice is None or choice.mode == "auto"
    knows_one = traits.owner == Owner.ANTHROPIC and traits.thinking != "none"
    if written and is_free and knows_one and parameters.value("parallel_tool_calls") is False:
        # Converse has no word for it; beside a choice of its own, Claude's would be one too many.
        fields["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
        choice = None
    return {"tools": written, **_choice(choice, traits)} if written else {}


def _expressible(
    choice: ToolChoice | None, parameters: Parameters, traits: Traits, thinking: Thinking, *, is_needed: bool
) -> ToolChoice | None:
    """The choice, unless it can't be made: tools that were called can't be left out again, and not every model can be
    forced to call one, nor any Claude while it thinks."""
    if choice is None or choice.mode == "auto":
        return choice
    can = not is_needed if choice.mode == "none" else traits.forced_tools and not thinking.bars_force
    if not can:
        parameters.unsupported("tool_choice")
    return choice if can else None


def _names_one(choice: ToolChoice, traits: Traits) -> bool:
    return choice.mode == "required" and len(choice.names) == 1 and takes_all_of_tools(traits)


def _offered(choice: ToolChoice | None, traits: Traits) -> frozenset[str]:
    """The only functions to offer, where the choice can't name them; empty for all."""
    if choice is None or _names_one(choice, traits):
        return frozenset()
    return frozenset(choice.names)


def _choice(choice: ToolChoice | None, traits: Traits) -> dict[str, Any]:
    if choice is None:
        return {}
    if choice.mode == "auto":
        return {"toolChoice": {"auto": {}}}
    named = {"tool": {"name": choice.names[0]}} if _names_one(choice, traits) else {"any": {}}
    return {"toolChoice": named}


def _enforced(request: ChatRequest, traits: Traits) -> Enforced | None:
    """What may be enforced beside the answer's schema; None where no limit is known."""
    if traits.owner != Owner.ANTHROPIC:
        return None
    wanted = request.parameters.get("response_format")
    return Enforced(strict_schema(wanted.schema) if isinstance(wanted, Format) and wanted.schema else None)


def _tool(
    tool: Tool | NativeTool,
    position: int,
    parameters: Parameters,
    traits: Traits,
    fields: dict[str, Any],
    enforced: Enforced | None,
) -> list[Block]:
    """A tool, and the cache point behind it. Nova's cache has no place for tools."""
    path = place_of(tool, position)
    if isinstance(tool, NativeTool):
        return _native_tool(tool, path, parameters, traits, fields)
    for name in tool.extras:
        parameters.unsupported(f"{path}.{name}")
    root = RootSchema(object_schema(tool.parameters))
    if traits.owner in (Owner.ANTHROPIC, Owner.AMAZON):
        root = plain_root(root.data)
    given_schema = root.data
    is_strict = tool.strict is True and traits.json_schema
    if is_strict and enforced is not None:
        is_strict = enforced.admits(strict_schema(given_schema))
    if tool.strict and not is_strict:
        parameters.unsupported(f"{path}.function.strict")
    schema: StrictSchema | NovaSchema = strict_schema(given_schema) if is_strict else StrictSchema(given_schema)
    if traits.owner == Owner.AMAZON:
        schema = nova_schema(given_schema)
    for keyword in (*root.lost, *schema.lost):
        parameters.unsupported(f"{path}.function.parameters.{keyword}")
    spec = _spec(tool.name, root.described(tool.description), schema.data, is_strict=is_strict)
    if tool.cache is None:
        return [spec]
    if not traits.cache_points or traits.owner == Owner.AMAZON:
        parameters.unsupported(f"{path}.cache_control")
        return [spec]
    return [spec, cache_point(tool.cache)]


def _spec(name: str, description: str = "", schema: bytes = b"", *, is_strict: bool = False) -> Block:
    spec: dict[str, Any] = {"name": name}
    _add(spec, "description", description)
    spec["inputSchema"] = {"json": msgspec.Raw(schema or object_schema(b""))}
    _add(spec, "strict", is_strict)
    return {"toolSpec": spec}


def _native_tool(
    tool: NativeTool, path: str, parameters: Parameters, traits: Traits, fields: dict[str, Any]
) -> list[Block]:
    """A tool of Nova's, as ``{"type": "nova_grounding"}`` or in Converse's own shape, or one of Anthropic's."""
    own = tool.value.get("systemTool")
    if isinstance(own, dict):
        return [{"systemTool": own}]
    if tool.type.startswith("nova_"):
        return [_system_tool(tool.type)]
    if traits.owner == Owner.ANTHROPIC and _ANTHROPIC_TOOL.fullmatch(tool.type):
        fields.setdefault("tools", []).append(tool.value)
    else:
        parameters.unsupported(path)
    return []


def _system_tool(name: str) -> Block:
    return {"systemTool": {"name": name}}


# The form of the answer.


def _output_config(request: ChatRequest, parameters: Parameters, traits: Traits) -> dict[str, Any]:
    """The schema of the answer, as text. JSON without a schema can't be asked for: see ``_with_format``."""
    wanted = request.parameters.get("response_format")
    if not isinstance(wanted, Format) or not wanted.schema or not traits.json_schema:
        return {}
    parameters.format()
    strict = strict_schema(wanted.schema)
    for keyword in strict.lost:
        parameters.unsupported(f"response_format.json_schema.schema.{keyword}")
    schema = {"schema": strict.data.decode()}
    _add(schema, "name", wanted.name)
    _add(schema, "description", wanted.description)
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}


def _with_format(system: list[Block], turns: list[Block], request: ChatRequest, traits: Traits) -> list[Block]:
    """The system prompt; a form of the answer that Converse can't enforce is told in it, or by the user where the
    family has no system prompt."""
    wanted = request.parameters.get("response_format")
    if not isinstance(wanted, Format) or (wanted.schema and traits.json_schema):
        return system
    block: Block = {"text": format_in_words(wanted)}
    if traits.system_role:
        return [*system, block]
    turns[0]["content"].append(block)
    return system


# What only the model knows.

_BY_MAKER: Final[Mapping[str, Mapping[str, str]]] = {
    "cohere.": {
        "top_k": "k",
        "seed": "seed",
        "presence_penalty": "presence_penalty",
        "frequency_penalty": "frequency_penalty",
    },
    "mistral.": {"top_k": "top_k"},
}
"""Makers as Bedrock writes them into the names of their models, and how they spell what OpenAI's callers say."""


def _add_model_fields(
    fields: dict[str, Any], request: ChatRequest, parameters: Parameters, context: WriteContext, thinking: Thinking
) -> None:
    """Add parameters in the words of the model's maker; what the caller says in these words wins."""
    top_k = request.parameters.get("top_k")
    is_taken = top_k is not None and "top_k" not in context.traits.refuses and not thinking.excludes("top_k", top_k)
    if context.traits.owner == Owner.ANTHROPIC:
        if is_taken:
            fields["top_k"] = parameters.value("top_k")
        _add_betas(fields, parameters, context)
        user = anonymous_user(request, parameters)
        if user:
            fields["metadata"] = {"user_id": user}
    elif is_taken and context.traits.family.startswith("nova"):
        fields["inferenceConfig"] = {"topK": parameters.value("top_k")}
    spoken = next(
        (words for maker, words in _BY_MAKER.items() if maker in (context.aliased_model or context.model)), {}
    )
    for name, own in spoken.items():
        value = parameters.value(name)
        if value is not None:
            fields[own] = value
    for name in ("additionalModelRequestFields", "additional_model_request_fields"):
        if isinstance(request.parameters.get(name), dict):
            fields.update(parameters.value(name))


def _add_betas(fields: dict[str, Any], parameters: Parameters, context: WriteContext) -> None:
    """Features of Claude's that are asked for by name, or needed by its own tools."""
    lent, betas = context.options.get("anthropic_beta"), parameters.value("anthropic_beta")
    body = {"tools": fields.get("tools", ()), "messages": ()}
    _add(fields, "anthropic_beta", beta_features.names(lent, betas, body))


# About the request.

_TIERS: Final = frozenset({"flex", "priority", "reserved"})
_METADATA: Final = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}")
_MOST_METADATA: Final = 16


def _tier(request: ChatRequest, parameters: Parameters) -> Any:
    own = parameters.value("serviceTier")
    if own is not None:
        return own
    return {"type": parameters.value("service_tier")} if request.parameters.get("service_tier") in _TIERS else None


def _metadata(request: ChatRequest, parameters: Parameters) -> Any:
    """Notes for the log of calls: OpenAI's ``metadata`` if all of it is what Bedrock takes."""
    own = parameters.first("requestMetadata", "request_metadata")
    if own is not None:
        return own
    metadata = request.parameters.get("metadata") or {}
    fits = len(metadata) <= _MOST_METADATA and all(
        name and isinstance(value, str) and _METADATA.fullmatch(name) and _METADATA.fullmatch(value)
        for name, value in metadata.items()
    )
    return parameters.value("metadata") if fits else None
