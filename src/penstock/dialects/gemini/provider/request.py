"""A chat request in Gemini's dialect, for the Gemini API and for Vertex AI.

Parameters that Google documents pass under either of their spellings; numbers are never changed. The model's name and
whether to stream are in the address. Sources: Gemini API reference, "Generating content"; Vertex AI reference, "Method:
models.generateContent"; docs/portkey.md#gemini, #vertex-ai.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.chat import ChatRequest, Format, Owner
from penstock.core.failure import Failure
from penstock.core.parameters import Parameters
from penstock.core.traits import Traits
from penstock.dialects.dialect import Payload, WriteContext, encoded
from penstock.dialects.foreign import Reader, ready_for
from penstock.dialects.gemini.provider.contents import Conversation
from penstock.dialects.gemini.provider.schema import google_schema
from penstock.dialects.gemini.provider.thinking import thinking_config
from penstock.dialects.gemini.provider.tools import write_tools
from penstock.dialects.gemini.spelling import snake, spellings, take, take_object
from penstock.dialects.malformed import Malformed
from penstock.dialects.parameter_types import checked

_NUMBERS: Final = {
    "n": "candidateCount",
    **spellings("temperature", "topP", "topK", "candidateCount", "seed", "presencePenalty", "frequencyPenalty"),
}
"""Google's names of what samples an answer, by those that callers use."""
_SAYS_NOTHING: Final[Mapping[str, tuple[float, ...]]] = {"n": (1,), "presence_penalty": (0,), "frequency_penalty": (0,)}
"""Values that hold anyway. They stay behind: some models refuse the parameters as such."""

_OF_GENERATION: Final = spellings(
    "audioTimestamp",
    "enableAffectiveDialog",
    "enableEnhancedCivicAnswers",
    "mediaResolution",
    "modelConfig",
    "responseJsonSchema",
    "responseMimeType",
    "responseModalities",
    "responseSchema",
    "routingConfig",
    "speechConfig",
)
_OF_REQUEST: Final = spellings("safetySettings", "cachedContent")
_OF_VERTEX: Final = spellings("labels", "modelArmorConfig")
"""Google's own parameters, passed on as they are: within ``generationConfig``, beside it, and on Vertex AI alone."""

_TIERS: Final = frozenset({"flex", "priority", "standard"})
_LABEL: Final = re.compile(r"[a-z0-9_-]{0,63}")
_LABEL_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")


_GOOGLE: Final = Reader(
    Owner.GOOGLE, kinds={"web_search": "google_search", "fetch": "url_context", "code": "code_execution"}
)


def write(request: ChatRequest, context: WriteContext) -> Payload | Failure:
    """The request for Google, or why there can be none."""
    traits = context.traits
    try:
        request = _with_own_members(request)
    except Malformed as wrong:
        return wrong.failure
    request, parameters = ready_for(_GOOGLE, request, traits)
    conversation = Conversation(request, parameters, context)
    contents = conversation.turns()
    if isinstance(contents, Failure):
        return contents
    tools = write_tools(parameters, traits)
    if isinstance(tools, Failure):
        return tools
    body: dict[str, Any] = {}
    if traits.system_role and (system := conversation.system()):
        body["systemInstruction"] = {"parts": system}
    body["contents"] = contents
    body |= tools
    config = _generation_config(request, parameters, traits, with_tools="tools" in tools)
    if config:
        body["generationConfig"] = config
    body |= _about_the_request(request, parameters, is_vertex=context.variant == "vertex")
    return Payload(encoded(body, request), parameters.dropped())


_HOLDERS: Final = ("extra_body", "google")


def _with_own_members(request: ChatRequest) -> ChatRequest:
    """The request with the members of ``extra_body.google`` and ``google`` among its parameters; those that stand there
    already win. Google's own OpenAI endpoint takes the former as a literal member (docs/quirks.md#extra-body).

    Raises Malformed for a member of OpenAI's name that is not what that must be: nobody has read it so far."""
    if not any(name in request.parameters for name in _HOLDERS):
        return request
    parameters = {name: value for name, value in request.parameters.items() if name not in _HOLDERS}
    beside = request.parameters.get("extra_body")
    extra = dict(beside) if isinstance(beside, dict) else {}
    holders = (("google", request.parameters.get("google")), ("extra_body.google", extra.pop("google", None)))
    for holder, members in (*holders, ("extra_body", extra)):
        for name, value in members.items() if isinstance(members, dict) else ():
            if name not in parameters and value is not None:
                parameters[name] = checked(name, f"{holder}.{name}", value)
    return msgspec.structs.replace(request, parameters=parameters)


# How the answer is made.


def _generation_config(
    request: ChatRequest, parameters: Parameters, traits: Traits, *, with_tools: bool
) -> dict[str, Any]:
    """All of ``generationConfig``. What the caller says in Google's own words wins."""
    caller_config = take_object(parameters, "generationConfig")
    config = _sampling(request, parameters, traits)
    config |= _limits(parameters)
    config |= _logprobs(request, parameters, traits)
    if traits.json_schema and (traits.json_with_tools or not with_tools):
        config |= _format(parameters)
    config |= _modalities(request, parameters)
    thinking = thinking_config(parameters, traits, request.parameters.get("reasoning"))
    if thinking:
        config["thinkingConfig"] = thinking
    config |= take(parameters, _OF_GENERATION)
    return config | caller_config


def _sampling(request: ChatRequest, parameters: Parameters, traits: Traits) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for spelling in parameters.given(_NUMBERS):
        name = _NUMBERS[spelling]
        usual = "n" if name == "candidateCount" else snake(name)
        says_nothing = request.parameters.get(usual) in _SAYS_NOTHING.get(usual, ())
        if not says_nothing and usual not in traits.refuses and name not in found:
            found[name] = parameters.value(spelling)
    return found


def _limits(parameters: Parameters) -> dict[str, Any]:
    limit, own_limit = parameters.max_tokens(), parameters.first("max_output_tokens", "maxOutputTokens")
    stops, own_stops = parameters.stop(), parameters.first("stop_sequences", "stopSequences")
    stops += own_stops if isinstance(own_stops, list) else []
    limit = own_limit if limit is None else limit
    return {
        **({} if limit is None else {"maxOutputTokens": limit}),
        **({"stopSequences": stops} if stops else {}),
    }


def _logprobs(request: ChatRequest, parameters: Parameters, traits: Traits) -> dict[str, Any]:
    """Google's ``logprobs`` is the number of alternatives."""
    if request.parameters.get("logprobs") is not True or "logprobs" in traits.refuses:
        return {}
    parameters.value("logprobs")
    alternatives = parameters.value("top_logprobs")
    return {"responseLogprobs": True, **({"logprobs": alternatives} if alternatives else {})}


def _format(parameters: Parameters) -> dict[str, Any]:
    """JSON, perhaps by a schema."""
    form: Format | None = parameters.format()
    if form is None:
        return {}
    found: dict[str, Any] = {"responseMimeType": "application/json"}
    if form.description:
        parameters.unsupported("response_format.json_schema.description")
    if form.schema:
        schema = google_schema(form.schema, ordered=True)
        found["responseJsonSchema" if schema.is_json_schema else "responseSchema"] = msgspec.Raw(schema.data)
        for keyword in schema.lost:
            parameters.unsupported(f"response_format.json_schema.schema.{keyword}")
    return found


def _modalities(request: ChatRequest, parameters: Parameters) -> dict[str, Any]:
    """What the answer is made of, and the voice and the measures of what isn't text."""
    found: dict[str, Any] = {}
    wanted = request.parameters.get("modalities")
    if wanted and wanted != ["text"]:
        parameters.value("modalities")
        found["responseModalities"] = [modality.upper() for modality in wanted]
    audio = parameters.value("audio")
    if audio:
        if isinstance(audio.get("voice"), str):
            voice = {"prebuiltVoiceConfig": {"voiceName": audio["voice"]}}
            found["speechConfig"] = {"voiceConfig": voice}
        for name, value in audio.items():  # Google's sound is PCM of 16 bits, whatever is asked
            if not (name == "voice" and "speechConfig" in found) and (name, value) != ("format", "pcm16"):
                parameters.unsupported(f"audio.{name}")
    image = take_object(parameters, "imageConfig")
    return {**found, "imageConfig": image} if image else found


# About the request.


def _about_the_request(request: ChatRequest, parameters: Parameters, *, is_vertex: bool) -> dict[str, Any]:
    found = take(parameters, _OF_REQUEST)
    if is_vertex:
        found |= take(parameters, _OF_VERTEX)
        labels = request.parameters.get("metadata")
        if "labels" not in found and _is_labels(labels):
            found["labels"] = parameters.value("metadata")
    elif request.parameters.get("service_tier") in _TIERS:
        found["serviceTier"] = parameters.value("service_tier")
    return found


def _is_labels(metadata: Any) -> bool:
    """Whether Vertex AI takes it for labels, by which it breaks down what is billed."""
    return bool(metadata) and all(
        isinstance(value, str) and _LABEL_NAME.fullmatch(name) and _LABEL.fullmatch(value)
        for name, value in metadata.items()
    )
