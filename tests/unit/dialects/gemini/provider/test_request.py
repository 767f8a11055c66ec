"""Chat requests in Gemini's dialect: every request of the matrix as Google documents it, and Google's own parameters."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gemini_requests import (
    BUDGET,
    BY_SCHEMA,
    CALLED,
    CLOCK_DECLARED,
    DECLARED,
    GEMMA,
    LEVEL,
    PICTURE,
    SAYS_HELLO,
    SUNNY,
    TIME_CALLED,
    VERTEX,
    answers,
    chooses,
    makes,
    of,
    offers,
    payload,
    said,
    says,
    told,
    written,
)
from matrix import (
    HUGE_SCHEMA,
    MATRIX,
    PDF,
    PIXEL,
    SHELL,
    WAV,
    ask,
)
from penstock.core.chat import ChatRequest
from penstock.core.failure import Failure, Kind
from penstock.core.traits import ANY_MODEL, Traits
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.gemini import DIALECT
from penstock.dialects.openai.caller import request as openai_request

DOCUMENT = {"inlineData": {"mimeType": "application/pdf", "data": PDF}}


def thinks(**config: Any) -> dict[str, Any]:
    return makes(thinkingConfig=config)


NO_CONTENT = ("messages", "visible content")


# fmt: off
EXPECTED: dict[str, Any] = {
    "plain": told(),
    "system": told(system=("Be brief.",)),
    "developer": told(system=("Be brief.",)),
    "two_systems": told(system=("Be brief.", "Be kind.")),
    "system_parts": told(system=("Be brief.", "Be kind.")),
    "late_system": told(SAYS_HELLO, said("Hi"), says("Now in French.", "And?")),
    "system_only": told(says("Be brief.")),
    "history": told(SAYS_HELLO, said("Hi"), says("How are you?")),
    "two_users": told(says("One.", "Two.")),
    "two_assistants": told(SAYS_HELLO, said("Hi", "there"), says("Go on")),
    "assistant_first": told(said("Welcome"), SAYS_HELLO),
    "named_user": (told(), ("messages[0].name",)),
    "prefill": told(SAYS_HELLO, said("The answer is")),
    "empty_content": NO_CONTENT,
    "empty_assistant": told(says("Hello", "Still there?")),
    "refused_before": told(SAYS_HELLO, said("I can't."), says("Why?")),
    "unicode": told(says(MATRIX["unicode"]["messages"][0]["content"])),
    "parts": told(says("One.", "Two.")),
    "image_data": told(says("What is this?", PICTURE)),
    "image_url": told(says("What is this?", {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://example.com/cat.jpg"}})),
    "image_detail": (told(says(PICTURE, "What is this?")), ("messages[0].content[0].image_url.detail",)),
    "two_images": told(says(PICTURE, "and", {"inlineData": {"mimeType": "image/webp", "data": PIXEL}})),
    "pdf_in_image_url": told(says("Sum up.", DOCUMENT)),
    "file_data": (told(says("Sum up.", DOCUMENT)), ("messages[0].content[1].file.filename",)),
    "file_url": told(says("Sum up.", {"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.com/report.pdf"}})),
    "file_id": told(says("Sum up.", {"fileData": {"fileUri": "file-123"}})),
    "file_text": (told(says({"inlineData": {"mimeType": "text/plain", "data": "SGVsbG8="}}, "Sum up.")), ("messages[0].content[0].file.filename",)),
    "audio": told(says("What is said?", {"inlineData": {"mimeType": "audio/wav", "data": WAV}})),
    "video": told(says("What happens?", {"inlineData": {"mimeType": "video/mp4", "data": "AAAAIGZ0eXA="}})),
    "unknown_part": (told(says("See.")), ("messages[0].content[1]",)),
    "tools": told(**offers(DECLARED, CLOCK_DECLARED)),
    "tool_strict": (told(**offers()), ("tools[0].function.strict",)),
    "tool_huge": told(**offers({"name": "fill", "parameters": HUGE_SCHEMA})),
    "tool_unicode": told(**offers({"name": "wetter", "description": "Wie ist’s in „Köln“? ☔"})),
    "choice_auto": told(**offers(), **chooses("AUTO")),
    "choice_none": told(**offers(), **chooses("NONE")),
    "choice_required": told(**offers(), **chooses("ANY")),
    "choice_named": told(**offers(DECLARED, CLOCK_DECLARED), **chooses("ANY", "get_time")),
    "choice_allowed": told(**offers(DECLARED, CLOCK_DECLARED), **chooses("ANY", "get_time")),
    "not_parallel": (told(**offers()), ("parallel_tool_calls",)),
    "parallel": told(**offers()),
    "one_call": told(SAYS_HELLO, said(CALLED), SUNNY, **offers()),
    "call_and_text": told(SAYS_HELLO, said("Let me see.", CALLED), SUNNY, **offers()),
    "two_calls": told(SAYS_HELLO, said(CALLED, TIME_CALLED), says(answers("get_weather", {"output": "Sunny"}), answers("get_time", {"hour": 9}, "call_2")), **offers(DECLARED, CLOCK_DECLARED)),
    "same_function_twice": told(SAYS_HELLO, said(CALLED, {"functionCall": {"name": "get_weather", "args": {"city": "Rome"}, "id": "call_3"}}), says(answers("get_weather", {"output": "Sunny"}), answers("get_weather", {"output": "Rain"}, "call_3")), **offers()),
    "results_then_user": told(SAYS_HELLO, said(CALLED), SUNNY, says("And tomorrow?"), **offers()),
    "result_parts": told(SAYS_HELLO, said(CALLED), says(answers("get_weather", {"output": "Sunny and warm"})), **offers()),
    "result_empty": told(SAYS_HELLO, said(CALLED), says(answers("get_weather", {"output": ""})), **offers()),
    "result_image": told(SAYS_HELLO, said(CALLED), says(answers("get_weather", {"output": "A map:"})), says(PICTURE), **offers()),
    "arguments_empty": told(SAYS_HELLO, said(TIME_CALLED), says(answers("get_time", {"output": "9"}, "call_2")), **offers(CLOCK_DECLARED)),
    "arguments_broken": told(SAYS_HELLO, said({"functionCall": {"name": "get_weather", "args": {"arguments": '{"city": "Par'}, "id": "call_1"}}), says(answers("get_weather", {"output": "?"})), **offers()),
    "odd_id": told(SAYS_HELLO, said({"functionCall": {"name": "get_time", "args": {}, "id": "functions.get_time:0"}}), says(answers("get_time", {"output": "9"}, "functions.get_time:0")), **offers(CLOCK_DECLARED)),
    "call_without_result": told(SAYS_HELLO, said(CALLED), says("Never mind."), **offers()),
    "legacy_functions": told(**offers(), **chooses("AUTO")),
    "native_tool": (told(), ("tools[0]",)),
    "custom_tool": (told(tools=[{"functionDeclarations": [SHELL]}]), ()),
    "format_text": told(),
    "format_json": told(says("Answer in JSON."), generationConfig={"responseMimeType": "application/json"}),
    "format_schema": makes(**BY_SCHEMA),
    "format_and_tools": told(**offers(), generationConfig=BY_SCHEMA),
    "max_tokens": makes(maxOutputTokens=100),
    "max_completion_tokens": makes(maxOutputTokens=200),
    "both_limits": makes(maxOutputTokens=200),
    "temperature": makes(temperature=0.7),
    "temperature_high": makes(temperature=1.5),
    "top_p": makes(topP=0.9),
    "temperature_and_top_p": makes(temperature=0.2, topP=0.9),
    "top_k": makes(topK=40),
    "stop_string": makes(stopSequences=["END"]),
    "stop_list": makes(stopSequences=["END", "\n\n"]),
    "penalties": makes(presencePenalty=0.5, frequencyPenalty=-0.5),
    "no_penalties": told(),
    "seed": makes(seed=42),
    "n": makes(candidateCount=2),
    "n_one": told(),
    "logprobs": makes(responseLogprobs=True, logprobs=3),
    "logit_bias": (told(), ("logit_bias",)),
    "modalities_audio": makes(responseModalities=["TEXT", "AUDIO"], speechConfig={"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "alloy"}}}),
    "prediction": (told(), ("prediction",)),
    "effort_none": thinks(thinkingBudget=0),
    "effort_low": makes(maxOutputTokens=4000, thinkingConfig={"includeThoughts": True, "thinkingLevel": "low"}),
    "effort_high": thinks(includeThoughts=True, thinkingLevel="high"),
    "thinking": makes(maxOutputTokens=4096, thinkingConfig={"includeThoughts": True, "thinkingBudget": 2048}),
    "thinking_off": thinks(thinkingBudget=0),
    "reasoning_before": told(SAYS_HELLO, said("Hi"), says("And?")),
    "signed_by_anthropic": (told(SAYS_HELLO, said(CALLED), SUNNY, **offers()), ("messages.reasoning_details",)),
    "redacted_by_anthropic": (told(SAYS_HELLO, said("Hi"), says("And?")), ("messages.reasoning_details",)),
    "signed_by_google": told(SAYS_HELLO, said({**CALLED, "thoughtSignature": "Z29vZ2xl"}), SUNNY, **offers()),
    "user": (told(), ("user",)),
    "metadata": (told(), ("metadata",)),
    "store": (told(), ("store",)),
    "service_tier": told(serviceTier="flex"),
    "stream": told(),
    "unknown_parameter": (told(), ("frobnicate",)),
    "cache_system": (told(system=("A long text.",)), ("messages[0].content[0].cache_control",)),
    "cache_user": (told(says("A long text.", "A question.")), ("messages[0].content[0].cache_control",)),
    "cache_tool": (told(**offers()), ("tools[0].cache_control",)),
    "cache_message": (told(says("A long text.")), ("messages[0].content[0].cache_control",)),
}
# fmt: on


@pytest.mark.parametrize("name", MATRIX)
def test_the_matrix(name: str) -> None:
    expected = EXPECTED[name]
    if expected is NO_CONTENT:
        found = written(MATRIX[name])
        assert isinstance(found, Failure)
        assert (found.kind, found.param) == (Kind.INVALID_REQUEST, expected[0])
        assert expected[1] in found.message
        return
    body, dropped = (expected, ()) if isinstance(expected, dict) else expected
    assert payload(MATRIX[name]) == (body, dropped)


@pytest.mark.parametrize(
    ("parameters", "config"),
    [
        ({"topP": 0.5, "topK": 3, "candidateCount": 2}, {"topP": 0.5, "topK": 3, "candidateCount": 2}),
        ({"max_output_tokens": 9}, {"maxOutputTokens": 9}),
        ({"stop": "a", "stopSequences": ["b"]}, {"stopSequences": ["a", "b"]}),
        ({"logprobs": True, "top_logprobs": 0}, {"responseLogprobs": True}),
        ({"modalities": ["text", "image"]}, {"responseModalities": ["TEXT", "IMAGE"]}),
        (
            {"image_config": {"aspect_ratio": "1:1", "imageSize": "2K"}},
            {"imageConfig": {"aspectRatio": "1:1", "imageSize": "2K"}},
        ),
        ({"media_resolution": "MEDIA_RESOLUTION_LOW"}, {"mediaResolution": "MEDIA_RESOLUTION_LOW"}),
        (
            {"speech_config": {"languageCode": "de"}, "audio": {"voice": "Kore"}},
            {"speechConfig": {"languageCode": "de"}},
        ),
        ({"response_mime_type": "text/x.enum"}, {"responseMimeType": "text/x.enum"}),
        ({"generation_config": {"top_p": 0.1, "seed": 1}, "seed": 2}, {"seed": 1, "topP": 0.1}),
    ],
)
def test_googles_own_parameters_of_the_answer(parameters: dict[str, Any], config: dict[str, Any]) -> None:
    assert payload(ask(**parameters)) == (makes(**config), ())


def test_sound_is_what_google_makes_it() -> None:
    body, dropped = payload(ask(modalities=["audio"], audio={"voice": {"id": "v"}, "format": "mp3"}))
    assert body == makes(responseModalities=["AUDIO"])
    assert dropped == ("audio.voice", "audio.format")


def test_what_a_family_refuses_is_left_out() -> None:
    traits = Traits(family="picky", refuses=frozenset({"temperature", "frequency_penalty"}))
    assert of(traits, ask(temperature=0.7, top_p=0.5, frequency_penalty=0.5)) == (
        makes(topP=0.5),
        ("temperature", "frequency_penalty"),
    )


def test_alternatives_without_log_probabilities_are_told() -> None:
    assert payload(ask(top_logprobs=2)) == (told(), ("top_logprobs",))


# About the request.
SAFETY = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]


def test_googles_own_parameters_of_the_request() -> None:
    own = {"safety_settings": SAFETY, "cachedContent": "cachedContents/a"}
    assert payload(ask(**own)) == (told(safetySettings=SAFETY, cachedContent="cachedContents/a"), ())
    vertex = {"labels": {"a": "b"}, "model_armor_config": {"x": "y"}}
    assert payload(ask(**vertex)) == (told(), ("labels", "model_armor_config"))
    assert payload(ask(**vertex), VERTEX) == (told(labels={"a": "b"}, modelArmorConfig={"x": "y"}), ())


@pytest.mark.parametrize("metadata", [{"Team": "a"}, {"team": "A b"}, {"team": 1}, {"9": "a"}, {"a": "b" * 64}])
def test_metadata_that_is_no_label_is_left(metadata: dict[str, Any]) -> None:
    assert payload(ask(metadata=metadata), VERTEX) == (told(), ("metadata",))


def test_metadata_is_vertex_labels() -> None:
    assert payload(ask(metadata={"team": "a-1", "env": ""}), VERTEX) == (told(labels={"team": "a-1", "env": ""}), ())
    both = ask(metadata={"team": "a"}, labels={"b": "c"})
    assert payload(both, VERTEX) == (told(labels={"b": "c"}), ("metadata",))


@pytest.mark.parametrize(
    ("tier", "members", "dropped"),
    [("priority", {"serviceTier": "priority"}, ()), ("auto", {}, ()), ("scale", {}, ("service_tier",))],
)
def test_service_tiers(tier: str, members: dict[str, Any], dropped: tuple[str, ...]) -> None:
    assert payload(ask(service_tier=tier)) == (told(**members), dropped)
    assert payload(ask(service_tier="flex"), VERTEX) == (told(), ("service_tier",))


# Whatever comes.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NATIVE = [
    "generation_config",
    "toolConfig",
    "thinking_config",
    "image_config",
    "labels",
    "safety_settings",
    "stop_sequences",
    "audio",
    "metadata",
]


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from(NATIVE), JSON), st.sampled_from([ANY_MODEL, BUDGET, LEVEL, GEMMA]), st.booleans()
)
def test_any_value_of_googles_own_parameters(parameters: dict[str, Any], traits: Traits, vertex: bool) -> None:
    request = openai_request.read(json.dumps(ask(**parameters)).encode())
    if isinstance(request, ChatRequest):
        context = WriteContext("gemini-x", "google", traits, variant="vertex" if vertex else "")
        assert isinstance(DIALECT.write(request, context), Payload)
