"""A request of Converse, read whole into a ``ChatRequest``: the way into lane 2.

The model and whether to stream come with the path (server/surfaces.py); they are among the members here. Parameters
take OpenAI's names where there is one; the others keep their own, with the place where they stand, so that a dialect
that doesn't know them names them. Members of OpenAI's name are a config's (docs/configs.md). Messages are read in
messages.py, tools in tools.py, what is said to the model alone in model_fields.py. Source: Amazon Bedrock API
reference, "Converse".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.body import Body
from penstock.core.chat import ChatRequest, Echo, Format, Reasoning, Wording, place_of, placed
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import write_json
from penstock.dialects.bedrock.caller.members import KNOWN_FIELDS, RESPONSE_FIELDS
from penstock.dialects.bedrock.caller.messages import read_messages, read_system
from penstock.dialects.bedrock.caller.model_fields import FIELDS, ModelFields, read_model_fields
from penstock.dialects.bedrock.caller.tools import read_choice, read_tools
from penstock.dialects.config_members import limit_wins
from penstock.dialects.foreign import UNREAD_REASONING
from penstock.dialects.malformed import Malformed, read_whole, text_in
from penstock.dialects.parameter_types import checked

INFERENCE: Final = "inferenceConfig"
CHAT_NAMES: Final[Mapping[str, str]] = {
    "max_tokens": "maxTokens",
    "max_completion_tokens": "maxTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "stop": "stopSequences",
}
"""OpenAI's names of what samples and limits an answer -> the member of ``inferenceConfig``."""
_WORDING: Final = Wording(
    names={
        **{name: f"{INFERENCE}.{own}" for name, own in CHAT_NAMES.items()},
        "top_k": f"{FIELDS}.top_k",
        "anthropic_beta": f"{FIELDS}.anthropic_beta",
        "reasoning": f"{FIELDS}.thinking",
        UNREAD_REASONING: "messages.reasoningContent",
        "thinking": f"{FIELDS}.thinking",
        "reasoning.max_tokens": f"{FIELDS}.thinking.budget_tokens",
        "reasoning_effort": "outputConfig.effort",
        "response_format": "outputConfig.textFormat",
        "tools": "toolConfig.tools",
        "tool_choice": "toolConfig.toolChoice",
        "parallel_tool_calls": f"{FIELDS}.tool_choice.disable_parallel_tool_use",
        "service_tier": "serviceTier",
        "metadata": "requestMetadata",
        "cache_control": "cachePoint",
    },
    inside={
        ".function.parameters": ".toolSpec.inputSchema.json",
        ".function": ".toolSpec",
        ".json_schema.schema": ".structure.jsonSchema.schema",
        ".json_schema": ".structure.jsonSchema",
        ".image_url": "",
        ".file.filename": ".document.name",
        "].tool_calls[": "].content[",
        "system.content[": "system[",
    },
    once=frozenset({"cache_control"}),
)
"""What callers of Converse call what is dropped."""
_ELSEWHERE: Final = frozenset(
    f"""
    model stream messages system toolConfig {INFERENCE} outputConfig serviceTier requestMetadata reasoning_effort
    {FIELDS} {RESPONSE_FIELDS}
    """.split()
)
_ONLY_AT_BEDROCK: Final[Mapping[str, str]] = {
    "guardrailConfig": "names a guardrail of Bedrock's, which must not be left out in silence",
    "promptVariables": "fills in a prompt that is kept at Bedrock",
}


def read_request(body: Body) -> ChatRequest | Failure:
    """The request that a body is, or what is wrong with it and where."""
    return read_whole(_read, body)


def _read(body: Body) -> ChatRequest | Failure:
    for name, meaning in _ONLY_AT_BEDROCK.items():
        if not body.is_null(name):
            text = f"{name} {meaning}: leave it out, or route the request to Bedrock."
            return Failure(Kind.INVALID_REQUEST, text, name)
    fields = read_model_fields(body)
    parameters = {**fields.parameters, **_configured(body)}
    for name in body:
        if name not in _ELSEWHERE and not body.is_null(name):
            parameters[name] = checked(name, name, body.value(name))
    limit_wins(body, parameters)
    parameters |= _tools(body, fields)
    output = _object(body, "outputConfig")
    _add(parameters, "response_format", _format(output))
    effort = text_in(body.value("reasoning_effort")) or text_in(output.get("effort"))
    _add(parameters, "reasoning", _with_effort(fields.reasoning, effort))
    tier = _object(body, "serviceTier").get("type")
    _add(parameters, "service_tier", checked("service_tier", "serviceTier.type", tier) if tier is not None else None)
    if not body.is_null("requestMetadata"):
        parameters["metadata"] = _object(body, "requestMetadata")
    paths = body.value(RESPONSE_FIELDS)
    if isinstance(paths, list) and not all(isinstance(path, str) and path in KNOWN_FIELDS for path in paths):
        parameters[RESPONSE_FIELDS] = paths
    places: dict[str, str] = {}
    messages = (*read_system(body.value("system"), places), *read_messages(body, places))
    wording = _WORDING
    if fields.names or places:
        wording = msgspec.structs.replace(wording, names={**wording.names, **fields.names}, places=places)
    return ChatRequest(
        text_in(body.value("model")),
        messages,
        parameters,
        body.raw("stream") == b"true",
        wording,
        fields.hides_thinking,
        Echo({RESPONSE_FIELDS: write_json(paths)} if paths else {}),
    )


def _add(parameters: dict[str, Any], name: str, value: Any) -> None:
    if value is not None:
        parameters[name] = value


def _object(body: Body, name: str) -> dict[str, Any]:
    """A member that is an object; an empty one where it is absent. Raises Malformed."""
    value = body.value(name)
    if not isinstance(value, dict | None):
        raise Malformed(name, "an object")
    return value or {}


_FROM_CONVERSE: Final = {own: name for name, own in CHAT_NAMES.items()}


def _configured(body: Body) -> dict[str, Any]:
    """What ``inferenceConfig`` says, by OpenAI's names; the rest by its own place."""
    found: dict[str, Any] = {}
    for name, value in _object(body, INFERENCE).items():
        if value is not None:
            chat, path = _FROM_CONVERSE.get(name), f"{INFERENCE}.{name}"
            found[chat or path] = value if chat is None else checked(chat, path, value)
    return found


def _tools(body: Body, fields: ModelFields) -> dict[str, Any]:
    """The tools, those of the model's maker among them, and the choice."""
    _object(body, "toolConfig")
    config = Body({}) if body.is_null("toolConfig") else Body.parse(body.raw("toolConfig") or b"")
    tools = list(read_tools(config))
    for position, each in enumerate(fields.tools):
        tools.append(placed(each, f"{FIELDS}.{place_of(each, position)}", len(tools)))
    choice = read_choice(config.value("toolChoice"))
    return {**({"tools": tuple(tools)} if tools else {}), **({} if choice is None else {"tool_choice": choice})}


def _format(output: Mapping[str, Any]) -> Format | None:
    """The schema of the answer, which is JSON in a string."""
    wanted = output.get("textFormat")
    if wanted is None:
        return None
    path = "outputConfig.textFormat"
    structure = json_text.mapping(wanted, "structure") if isinstance(wanted, dict) else {}
    json_schema = json_text.mapping(structure, "jsonSchema")
    schema = json_schema.get("schema")
    data = schema.encode("utf-8", "surrogatepass") if isinstance(schema, str) else b""
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema" or not _is_object(data):
        raise Malformed(path, 'of type "json_schema", with a JSON schema as the text of structure.jsonSchema.schema')
    return Format("json_schema", text_in(json_schema.get("name")), text_in(json_schema.get("description")), data)


def _is_object(data: bytes) -> bool:
    return isinstance(json_text.read_json_or_none(data), dict)


def _with_effort(reasoning: Reasoning | None, effort: str) -> Reasoning | None:
    if not effort:
        return reasoning
    return msgspec.structs.replace(reasoning or Reasoning(), effort=effort)
