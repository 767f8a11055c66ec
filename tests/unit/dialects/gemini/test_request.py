"""Chat requests in Gemini's dialect: every request of the matrix as Google documents it, and what the matrix lacks."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matrix import (
    CLOCK,
    EPHEMERAL,
    HELLO,
    HUGE_SCHEMA,
    MATRIX,
    PDF,
    PIXEL,
    TIME_CALL,
    WAV,
    WEATHER,
    WEATHER_CALL,
    ask,
    called,
    image,
    result,
    text,
    user,
)
from penstock.core.chat import ChatRequest, Owner
from penstock.core.events import collect
from penstock.core.failure import Failure, Kind
from penstock.core.traits import ANY_MODEL, Traits
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.gemini import DIALECT
from penstock.dialects.openai.caller import request as openai_request
from penstock.dialects.openai.caller.completion import completion
from penstock.dialects.openai.caller.members import Caption
from penstock.traits import resolve

GOAL = WriteContext("gemini-x", "google")
VERTEX = WriteContext("gemini-x", "vertex-ai", variant="vertex")
BUDGET = Traits(family="budget", owner=Owner.GOOGLE, thinking="budget", budgets={"low": 100, "high": 900})
NEVER_STOPS = Traits(family="never-stops", thinking="budget", can_stop_thinking=False, min_budget=128)
LEVEL = Traits(
    family="level",
    thinking="level",
    efforts={"minimal": "minimal", "low": "low", "high": "high"},
    can_stop_thinking=False,
)
UNKNOWN_LEVELS = Traits(family="unknown-levels", thinking="level", can_stop_thinking=False)
THOUGHTLESS = Traits(family="thoughtless")
GEMMA = Traits(family="gemma", system_role=False, tools=False, json_schema=False, vision=False, documents=False)
PLACEHOLDER = "skip_thought_signature_validator"

# What Google is told.

SAYS_HELLO = {"role": "user", "parts": [{"text": "Hello"}]}
DECLARED = {
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": WEATHER["function"]["parameters"],
}
CLOCK_DECLARED = {"name": "get_time"}
CALLED = {"functionCall": {"name": "get_weather", "args": {"city": "Paris"}, "id": "call_1"}}
TIME_CALLED = {"functionCall": {"name": "get_time", "args": {}, "id": "call_2"}}
PICTURE = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}
DOCUMENT = {"inlineData": {"mimeType": "application/pdf", "data": PDF}}
ORDERED = {
    "type": "object",
    "properties": {"answer": {"type": "string"}, "score": {"type": "number", "nullable": True}},
    "required": ["answer", "score"],
    "propertyOrdering": ["answer", "score"],
}
BY_SCHEMA = {"responseMimeType": "application/json", "responseSchema": ORDERED}


def told(*turns: dict[str, Any], system: tuple[str, ...] = (), **members: Any) -> dict[str, Any]:
    """A whole body; one that says Hello unless turns are given."""
    instruction = {"systemInstruction": {"parts": [{"text": each} for each in system]}} if system else {}
    return {**instruction, "contents": list(turns) or [SAYS_HELLO], **members}


def says(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": [{"text": part} if isinstance(part, str) else part for part in parts]}


def said(*parts: Any) -> dict[str, Any]:
    return {**says(*parts), "role": "model"}


def answers(name: str, response: Any, call_id: str = "call_1", **members: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": response, "id": call_id, **members}}


def offers(*functions: dict[str, Any]) -> dict[str, Any]:
    return {"tools": [{"functionDeclarations": list(functions or [DECLARED])}]}


def chooses(mode: str, *names: str) -> dict[str, Any]:
    return {
        "toolConfig": {"functionCallingConfig": {"mode": mode, **({"allowedFunctionNames": [*names]} if names else {})}}
    }


def makes(**config: Any) -> dict[str, Any]:
    return told(generationConfig=config)


def thinks(**config: Any) -> dict[str, Any]:
    return makes(thinkingConfig=config)


SUNNY = says(answers("get_weather", {"output": "Sunny"}))
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
    "file_data": told(says("Sum up.", DOCUMENT)),
    "file_url": told(says("Sum up.", {"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.com/report.pdf"}})),
    "file_id": told(says("Sum up.", {"fileData": {"fileUri": "file-123"}})),
    "file_text": told(says({"inlineData": {"mimeType": "text/plain", "data": "SGVsbG8="}}, "Sum up.")),
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
    "custom_tool": (told(), ("tools[0]",)),
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
    "signed_by_anthropic": told(SAYS_HELLO, said(CALLED), SUNNY, **offers()),
    "redacted_by_anthropic": told(SAYS_HELLO, said("Hi"), says("And?")),
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


def written(body: dict[str, Any], context: WriteContext = GOAL) -> Payload | Failure:
    request = openai_request.read(json.dumps(body).encode())
    assert isinstance(request, ChatRequest)
    return DIALECT.write(request, context)


def payload(body: dict[str, Any], context: WriteContext = GOAL) -> tuple[dict[str, Any], tuple[str, ...]]:
    found = written(body, context)
    assert isinstance(found, Payload), found
    return json.loads(found.body), found.dropped


def of(traits: Traits, body: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    return payload(body, WriteContext("gemini-x", "google", traits))


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


# Roles.


def test_a_family_without_a_system_role_hears_it_from_the_user() -> None:
    body = ask(
        {"role": "system", "content": "Be brief."}, HELLO, tools=[WEATHER], response_format={"type": "json_object"}
    )
    assert of(GEMMA, body) == (told(says("Be brief.", "Hello")), ("tools", "response_format"))
    late = ask({"role": "assistant", "content": "Hi"}, {"role": "system", "content": "Be kind."}, HELLO)
    assert of(GEMMA, late) == (told(said("Hi"), says("Be kind.", "Hello")), ())


def test_a_system_message_is_text() -> None:
    body = ask({"role": "system", "content": [text("See."), image(f"data:image/png;base64,{PIXEL}")]}, HELLO)
    assert payload(body) == (told(system=("See.",)), ("messages[0].content[1]",))


def test_a_family_may_not_see() -> None:
    body = MATRIX["image_data"] | {"messages": [*MATRIX["image_data"]["messages"], *MATRIX["file_data"]["messages"]]}
    assert of(GEMMA, body) == (
        told(says("What is this?", "Sum up.")),
        ("messages[0].content[1]", "messages[1].content[1]"),
    )


QUIET = says(" ")


def test_a_system_message_keeps_its_place_whatever_is_said_later() -> None:
    brief, late = {"role": "system", "content": "Be brief."}, {"role": "developer", "content": "Now sum up."}
    hi = {"role": "assistant", "content": "Hi"}
    assert payload(ask(HELLO, brief)) == (told(SAYS_HELLO, system=("Be brief.",)), ())
    said_so_far = told(SAYS_HELLO, said("Hi"), says("Now sum up."), system=("Be brief.",))
    assert payload(ask(HELLO, brief, hi, late)) == (said_so_far, ())
    more, _ = payload(ask(HELLO, brief, hi, late, hi, HELLO))
    assert more["contents"][:3] == said_so_far["contents"]
    assert more["systemInstruction"] == said_so_far["systemInstruction"]
    assert payload(ask(brief, late)) == (told(says("Be brief.", "Now sum up.")), ())


def test_results_follow_their_calls_whatever_is_said_meanwhile() -> None:
    late = {"role": "system", "content": "Hurry."}
    body = ask(HELLO, called(WEATHER_CALL), late, result("call_1", "Sunny"), HELLO)
    assert payload(body) == (told(SAYS_HELLO, said(CALLED), SUNNY, says("Hurry.", "Hello")), ())


def test_a_user_who_says_nothing_at_the_end_is_no_prefill() -> None:
    body = ask(HELLO, {"role": "assistant", "content": "Hi"}, {"role": "user", "content": ""})
    assert payload(body) == (told(SAYS_HELLO, said("Hi"), QUIET), ())


def test_calls_follow_a_user() -> None:
    """Google's words: a function call turn comes immediately after a user turn or after a function response turn."""
    calls = called(WEATHER_CALL), result("call_1", "Sunny")
    assert payload(ask(*calls)) == (told(QUIET, said(CALLED), SUNNY), ())
    greeted = {"role": "assistant", "content": "Welcome"}
    assert payload(ask(greeted, *calls)) == (told(QUIET, said("Welcome", CALLED), SUNNY), ())
    assert payload(ask(greeted, HELLO)) == (told(said("Welcome"), SAYS_HELLO), ())


# Media.


def linked(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "file", "file": {"file_url": url, **more}}


@pytest.mark.parametrize(
    ("part", "mime"),
    [
        (image("gs://bucket/cat.PNG?x=1.pdf"), "image/png"),
        (image("https://example.com/cat", mime_type="image/heic"), "image/heic"),
        (image("https://example.com/cat.jpg", mime_type="image/jpg"), "image/jpeg"),
        (linked("https://example.com/a?file=b.pdf"), ""),
        (linked("https://www.youtube.com/watch?v=1"), ""),
        (linked("https://generativelanguage.googleapis.com/v1beta/files/abc"), ""),
        (linked("https://example.com/film", filename="film.mov"), "video/mov"),
        ({"type": "video_url", "video_url": "https://example.com/film.mp4"}, "video/mp4"),
        ({"type": "input_audio", "input_audio": {"data": "gs://bucket/sound", "format": "mp3"}}, "audio/mp3"),
    ],
)
def test_links_say_what_they_lead_to(part: dict[str, Any], mime: str) -> None:
    (found,) = payload(ask(user(part)))[0]["contents"][0]["parts"]
    assert found["fileData"].get("mimeType", "") == mime


@pytest.mark.parametrize(
    ("part", "mime"),
    [
        (image("https://example.com/cat"), "image/jpeg"),
        (linked("https://youtu.be/1"), "video/mp4"),
        (linked("https://example.com/a"), "application/pdf"),
        ({"type": "input_audio", "input_audio": {"data": "gs://bucket/sound"}}, "audio/wav"),
        ({"type": "file", "file": {"file_id": "gs%3A%2F%2Fbucket%2Fa.txt"}}, "application/pdf"),
    ],
)
def test_vertex_wants_a_type_for_every_link(part: dict[str, Any], mime: str) -> None:
    (found,) = payload(ask(user(part)), VERTEX)[0]["contents"][0]["parts"]
    assert found["fileData"]["mimeType"] == mime


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("files/abc", "https://generativelanguage.googleapis.com/v1beta/files/abc"),
        ("gs%3A%2F%2Fbucket%2Fa.pdf", "gs://bucket/a.pdf"),
        ("file-123", "file-123"),
    ],
)
def test_stored_files_have_an_address(given: str, address: str) -> None:
    (found,) = payload(ask(user({"type": "file", "file": {"file_id": given}})))[0]["contents"][0]["parts"]
    assert found == {"fileData": {"fileUri": address}}


@pytest.mark.parametrize(
    ("form", "mime"),
    [
        ("mp3", "audio/mp3"),
        ("opus", "audio/ogg"),
        ("pcm16", "audio/pcm"),
        ("x-m4a", "audio/m4a"),
        ("amr", "audio/amr"),
        ("", "audio/wav"),
    ],
)
def test_sounds_have_a_type(form: str, mime: str) -> None:
    part = {"type": "input_audio", "input_audio": {"data": WAV, "format": form}}
    assert payload(ask(user(part))) == (told(says({"inlineData": {"mimeType": mime, "data": WAV}})), ())


@pytest.mark.parametrize(
    ("name", "mime"), [("notes.md", "text/markdown"), ("", "application/pdf"), ("what", "application/pdf")]
)
def test_a_file_without_a_type_is_known_by_its_name(name: str, mime: str) -> None:
    part = {"type": "file", "file": {"file_data": "SGVsbG8=", "filename": name}}
    assert payload(ask(user(part))) == (told(says({"inlineData": {"mimeType": mime, "data": "SGVsbG8="}})), ())


@pytest.mark.parametrize(
    ("detail", "level"), [("low", "MEDIA_RESOLUTION_LOW"), ("high", "MEDIA_RESOLUTION_HIGH"), ("auto", "")]
)
def test_gemini_3_takes_a_resolution_for_each_image(detail: str, level: str) -> None:
    body = ask(user(image(f"data:image/png;base64,{PIXEL}", detail=detail)))
    expected = {**PICTURE, "mediaResolution": {"level": level}} if level else PICTURE
    assert of(LEVEL, body) == (told(says(expected)), ())
    assert of(BUDGET, body)[1] == (("messages[0].content[0].image_url.detail",) if level else ())


# Calls and results.


def test_vertex_knows_no_ids() -> None:
    body = MATRIX["same_function_twice"]
    turns = payload(body, VERTEX)[0]["contents"]
    assert turns[1:] == [
        said(
            {"functionCall": {"name": "get_weather", "args": {"city": "Paris"}}},
            {"functionCall": {"name": "get_weather", "args": {"city": "Rome"}}},
        ),
        says(
            {"functionResponse": {"name": "get_weather", "response": {"output": "Sunny"}}},
            {"functionResponse": {"name": "get_weather", "response": {"output": "Rain"}}},
        ),
    ]


def test_results_stay_together_whatever_stands_between() -> None:
    """docs/quirks.md#q39: Google matches them by name and order."""
    messages = [HELLO, called(WEATHER_CALL, TIME_CALL), result("call_2", "9"), user("Well?"), result("call_1", "Sunny")]
    assert payload(ask(*messages))[0]["contents"][2:] == [
        says(answers("get_weather", {"output": "Sunny"}), answers("get_time", {"output": "9"}, "call_2")),
        says("Well?"),
    ]


def test_each_turn_of_calls_has_its_own_results() -> None:
    messages = [HELLO, called(WEATHER_CALL), result("call_1", "Sunny"), called(TIME_CALL), result("call_2", "9")]
    assert payload(ask(*messages))[0]["contents"] == [
        SAYS_HELLO,
        said(CALLED),
        SUNNY,
        said(TIME_CALLED),
        says(answers("get_time", {"output": "9"}, "call_2")),
    ]


def test_a_result_that_is_an_object_is_one() -> None:
    for content in ('{"a": 1.10}', '{ "b": 123456789012345678901234567890 }'):
        found = written(ask(HELLO, called(WEATHER_CALL), result("call_1", content)))
        assert isinstance(found, Payload)
        assert f'"response":{content}'.encode() in found.body
    for content in ("[1]", "9", "null", '{"a":', "{1}", '\ufeff{"a":1}', '{"a":NaN}'):
        contents = payload(ask(HELLO, called(WEATHER_CALL), result("call_1", content)))[0]["contents"]
        assert contents[2] == says(answers("get_weather", {"output": content}))


def test_a_result_may_be_an_error() -> None:
    for content, error in (("No.", "No."), ('{"code":1}', {"code": 1})):
        messages = [HELLO, called(WEATHER_CALL), {**result("call_1", content), "is_error": True}]
        assert payload(ask(*messages))[0]["contents"][2] == says(answers("get_weather", {"error": error}))


def test_a_result_needs_a_name() -> None:
    found = written(ask(HELLO, result("call_9", "Sunny")))
    assert isinstance(found, Failure)
    assert (found.kind, found.param) == (Kind.INVALID_REQUEST, "messages[1].tool_call_id")
    assert "messages[1]" in found.message
    named = ask(HELLO, {**result("call_9", "Sunny"), "name": "get_weather"})
    assert payload(named)[0]["contents"][1:] == [says(answers("get_weather", {"output": "Sunny"}, "call_9"))]


def test_gemini_3_takes_media_in_a_result() -> None:
    link = image("https://example.com/map.png")
    picture = image(f"data:image/png;base64,{PIXEL}", detail="low")
    body = ask(HELLO, called(WEATHER_CALL), result("call_1", [text("A map:"), picture, link]), user("So?"))
    turns, dropped = of(LEVEL, body)
    assert turns["contents"][2:] == [
        says(answers("get_weather", {"output": "A map:"}, parts=[PICTURE])),
        says({"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/map.png"}}, "So?"),
    ]
    assert dropped == ("messages[2].content[1].image_url.detail",)


def test_markers_are_told_wherever_they_stand() -> None:
    marked = {**result("call_1", [text("Sunny", cache_control=EPHEMERAL)]), "cache_control": EPHEMERAL}
    body = ask(HELLO, called({**WEATHER_CALL, "cache_control": EPHEMERAL}), marked)
    assert payload(body)[1] == (
        "messages[1].tool_calls[0].cache_control",
        "messages[2].cache_control",
        "messages[2].content[0].cache_control",
    )


def test_a_custom_call_becomes_an_object() -> None:
    custom = {"id": "call_1", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    contents = payload(ask(HELLO, called(custom), result("call_1", "a.txt")))[0]["contents"]
    assert contents[1] == said({"functionCall": {"name": "shell", "args": {"input": "ls"}, "id": "call_1"}})


# Signatures.


def test_gemini_3_gets_a_placeholder_for_what_others_called() -> None:
    """Only on the first call of a turn, and never over Google's own."""
    body = ask(
        HELLO,
        called(WEATHER_CALL, TIME_CALL),
        result("call_1", "Sunny"),
        result("call_2", "9"),
        called(TIME_CALL),
        result("call_2", "9"),
    )
    turns = of(LEVEL, body)[0]["contents"]
    assert turns[1] == said({**CALLED, "thoughtSignature": PLACEHOLDER}, TIME_CALLED)
    assert turns[3] == said({**TIME_CALLED, "thoughtSignature": PLACEHOLDER})
    signed = of(LEVEL, MATRIX["signed_by_google"])[0]["contents"][1]
    assert signed == said({**CALLED, "thoughtSignature": "Z29vZ2xl"})
    assert PLACEHOLDER not in json.dumps(of(BUDGET, body))


def detail(text: str, signature: str) -> dict[str, Any]:
    return {"type": "reasoning.text", "text": text, "signature": signature, "format": "google-gemini-v1"}


def reasoned(*details: dict[str, Any], content: Any = None, calls: Any = None) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, "reasoning_details": list(details)}
    return ask(HELLO, {**message, "tool_calls": calls} if calls else message, HELLO)


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (reasoned(detail("", "c2ln"), content="Hi"), [{"text": "Hi", "thoughtSignature": "c2ln"}]),
        (reasoned(detail("Hm.", "c2ln"), content="Hi"), [{"text": "Hm.", "thought": True, "thoughtSignature": "c2ln"}, {"text": "Hi"}]),
        (reasoned(detail("Hm.", ""), content="Hi"), [{"text": "Hi"}]),
        (reasoned(detail("", "c2ln")), [{"text": "", "thoughtSignature": "c2ln"}]),
        (reasoned(detail("", "c2ln"), detail("", "c2lo"), content="Hi"), [{"text": "", "thoughtSignature": "c2ln"}, {"text": "Hi", "thoughtSignature": "c2lo"}]),
        (reasoned(detail("", "c2ln"), calls=[WEATHER_CALL]), [{**CALLED, "thoughtSignature": "c2ln"}]),
        (
            reasoned(detail("", "c2ln"), calls=[{**WEATHER_CALL, "extra_content": {"google": {"thought_signature": "c2lo"}}}]),
            [{"text": "", "thoughtSignature": "c2ln"}, {**CALLED, "thoughtSignature": "c2lo"}],
        ),
        (reasoned({"type": "reasoning.encrypted", "data": "c2ln", "format": "google-gemini-v1"}, calls=[WEATHER_CALL]), [{**CALLED, "thoughtSignature": "c2ln"}]),
        (reasoned({**detail("Hm.", "c2ln"), "format": "anthropic-claude-v1"}, content="Hi"), [{"text": "Hi"}]),
    ],
)  # fmt: skip
def test_signatures_go_back_to_their_parts(body: dict[str, Any], parts: list[dict[str, Any]]) -> None:
    assert of(LEVEL, body)[0]["contents"][1] == said(*parts)


MODEL_SAYS = [
    [said("Hi")],
    [said({"text": "Hi", "thoughtSignature": "c2ln"})],
    [said("Hi"), said({"text": "", "thoughtSignature": "c2ln"})],
    [said({"text": "Hm.", "thought": True, "thoughtSignature": "c2ln"}, "Hi")],
    [said({**CALLED, "thoughtSignature": "c2ln"}, TIME_CALLED)],
    [said({"text": "See.", "thoughtSignature": "c2ln"}, {**CALLED, "thoughtSignature": "c2lo"})],
    [said({"text": "A", "thoughtSignature": "c2ln"}, {"text": "B", "thoughtSignature": "c2lo"})],
    [
        said(
            {"toolCall": {"id": "t"}, "thoughtSignature": "c2ln"},
            {"toolResponse": {"id": "t"}, "thoughtSignature": "c2lo"},
            "Hi",
        )
    ],
    [said({"text": "See.", "thoughtSignature": "c2ln"}, {**PICTURE, "thoughtSignature": "c2lo"}, PICTURE)],
    [said({"executableCode": {"code": "1"}}, {"codeExecutionResult": {"output": "1"}}, "So 1.")],
]


def came_back(turns: list[dict[str, Any]], *, strict: bool) -> list[dict[str, Any]]:
    """What is sent to Google of an answer that its client sends back as it got it."""
    stream = b"".join(
        b"data: " + json.dumps({"candidates": [{"content": turn, "finishReason": "STOP"}]}).encode() + b"\n\n"
        for turn in turns
    )
    reader = DIALECT.reader(GOAL)
    events = [*reader.feed(stream), *reader.finish()]
    reply = json.loads(completion(collect(events), Caption("id", 0, "m", "google", strict)))
    message = reply["choices"][0]["message"]
    results = [result(each["id"], "{}") for each in message.get("tool_calls", ())]
    found: list[dict[str, Any]] = payload(ask(HELLO, message, *results, HELLO))[0]["contents"][1]["parts"]
    return found


@pytest.mark.parametrize("turns", MODEL_SAYS)
def test_an_answer_comes_back_as_it_went(turns: list[dict[str, Any]]) -> None:
    """docs/quirks.md#q40, and what holds of it for every other part."""
    assert came_back(turns, strict=False) == [part for turn in turns for part in turn["parts"]]


@pytest.mark.parametrize("turns", MODEL_SAYS[:6])
def test_a_strict_client_sends_signatures_back_too(turns: list[dict[str, Any]]) -> None:
    assert came_back(turns, strict=True) == [part for turn in turns for part in turn["parts"]]


# Tools.


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("googleSearch", "googleSearch"),
        ("google_search", "googleSearch"),
        ("google_search_retrieval", "googleSearchRetrieval"),
        ("computer_use", "computerUse"),
        ("google_maps", "googleMaps"),
        ("urlContext", "urlContext"),
        ("code_execution", "codeExecution"),
    ],
)
def test_names_of_functions_that_are_reserved(name: str, own: str) -> None:
    function = {"type": "function", "function": {"name": name, "description": "d"}}
    assert payload(ask(tools=[function, WEATHER]))[0]["tools"] == [{"functionDeclarations": [DECLARED]}, {own: {}}]
    assert payload(ask(tools=[{"type": name}]))[0]["tools"] == [{own: {}}]
    assert payload(ask(tools=[{own: {"x": 1}}]))[0]["tools"] == [{own: {"x": 1}}]


def test_settings_of_googles_own_tools() -> None:
    place = {"latLng": {"latitude": 1, "longitude": 2}}
    tools = [
        {"type": "function", "function": {"name": "googleMaps", "parameters": {"enableWidget": True, "retrievalConfig": place}}},
        {"type": "function", "function": {"name": "google_search", "parameters": {"timeRangeFilter": {"startTime": "x"}, "type": "object"}}},
        {"type": "computer_use", "computer_use": {"environment": "ENVIRONMENT_BROWSER"}},
        {"type": "file_search", "fileSearchStoreNames": ["fileSearchStores/a"]},
    ]  # fmt: skip
    assert payload(ask(tools=tools)) == (
        told(
            tools=[
                {"googleMaps": {"enableWidget": True}},
                {"googleSearch": {"timeRangeFilter": {"startTime": "x"}}},
                {"computerUse": {"environment": "ENVIRONMENT_BROWSER"}},
                {"fileSearch": {"fileSearchStoreNames": ["fileSearchStores/a"]}},
            ],
            toolConfig={"retrievalConfig": place},
        ),
        (),
    )


SEARCH = {"type": "google_search"}


def test_no_tools_is_none_of_googles_own_either() -> None:
    assert payload(ask(tools=[SEARCH], tool_choice="none")) == (told(), ())
    assert payload(ask(tools=[WEATHER, SEARCH], tool_choice="none")) == (told(**offers(), **chooses("NONE")), ())
    assert payload(ask(tools=[SEARCH], tool_choice="auto")) == (told(tools=[{"googleSearch": {}}]), ())


def test_a_search_in_openais_words() -> None:
    options = {"search_context_size": "high", "user_location": {"type": "approximate", "approximate": {"city": "Rome"}}}
    named = ("web_search_options.search_context_size", "web_search_options.user_location")
    assert payload(ask(web_search_options=options)) == (told(tools=[{"googleSearch": {}}]), named)
    usual = {"search_context_size": "medium", "user_location": None}
    assert payload(ask(web_search_options=usual)) == (told(tools=[{"googleSearch": {}}]), ())
    assert payload(ask(tools=[SEARCH], web_search_options={})) == (
        told(tools=[{"googleSearch": {}}]),
        ("web_search_options",),
    )
    assert payload(ask(tools=[WEATHER], web_search_options={})) == (told(**offers()), ("web_search_options",))
    assert of(GEMMA, ask(web_search_options={})) == (told(), ("web_search_options",))


def test_a_painter_may_search_but_knows_no_functions() -> None:
    painter = resolve("gemini-3-pro-image-preview", "google")
    assert of(painter, ask(tools=[WEATHER, SEARCH])) == (told(tools=[{"googleSearch": {}}]), ("tools[0]",))
    named = {"type": "function", "function": {"name": "get_weather"}}
    assert of(painter, ask(tools=[WEATHER], tool_choice=named)) == (told(), ("tools[0]", "tool_choice"))
    assert of(resolve("gemini-2.5-flash-image", "google"), ask(tools=[SEARCH])) == (told(), ("tools",))


def test_what_newer_models_refuse() -> None:
    penalties = ask(presence_penalty=0.5, frequency_penalty=0.5, n=2, logprobs=True, top_logprobs=3)
    more = {"candidateCount": 2, "responseLogprobs": True, "logprobs": 3}
    older = resolve("gemini-2.0-flash", "google")
    assert of(older, penalties)[0] == makes(presencePenalty=0.5, frequencyPenalty=0.5, **more)
    names = ("presence_penalty", "frequency_penalty")
    assert of(resolve("gemini-2.5-pro", "vertex-ai"), penalties) == (makes(**more), names)
    at_google = makes(candidateCount=2), (*names, "logprobs", "top_logprobs")
    assert of(resolve("gemini-2.5-pro", "google"), penalties) == at_google
    third = resolve("gemini-3-flash-preview", "google")
    assert of(third, penalties) == (told(), (*names, "n", "logprobs", "top_logprobs"))


def test_functions_and_json_exclude_each_other_before_the_third() -> None:
    body = MATRIX["format_and_tools"]
    for model in ("gemini-2.5-flash", "gemini-2.0-flash", "gemini-1.5-pro"):
        assert of(resolve(model), body) == (told(**offers()), ("response_format",))
    assert of(resolve("gemini-2.5-flash"), MATRIX["format_schema"]) == (makes(**BY_SCHEMA), ())
    assert of(resolve("gemini-3-flash-preview"), body) == (told(**offers(), generationConfig=BY_SCHEMA), ())


def test_a_callers_own_search_is_a_function() -> None:
    schema = {"type": "object", "properties": {"query": {"type": "string"}}}
    function = {"type": "function", "function": {"name": "google_search", "parameters": schema}}
    assert payload(ask(tools=[function])) == (told(**offers({"name": "google_search", "parameters": schema})), ())


def test_schemas_go_in_the_form_that_can_say_them() -> None:
    open_map = {"type": "object", "properties": {"m": {"type": "object", "additionalProperties": {"type": "string"}}}}
    lossy = {"type": "object", "properties": {"l": {"type": "array", "items": {"type": "string"}, "uniqueItems": True}}}
    cleaned = {"type": "object", "properties": {"l": {"type": "array", "items": {"type": "string"}}}}
    tools = [
        {"type": "function", "function": {"name": name, "parameters": schema}}
        for name, schema in (("a", open_map), ("b", lossy), ("c", {"type": "object"}))
    ]
    assert payload(ask(tools=tools)) == (
        told(
            **offers(
                {"name": "a", "parametersJsonSchema": open_map}, {"name": "b", "parameters": cleaned}, {"name": "c"}
            )
        ),
        ("tools[1].function.parameters.uniqueItems",),
    )
    form = {"type": "json_schema", "json_schema": {"name": "x", "description": "d", "schema": {**open_map, "not": {}}}}
    assert payload(ask(response_format=form)) == (
        makes(responseMimeType="application/json", responseJsonSchema=open_map),
        ("response_format.json_schema.description", "response_format.json_schema.schema.not"),
    )


def test_members_of_functions_that_gemini_knows() -> None:
    function = {**CLOCK["function"], "response": {"type": "string"}, "deferred": True}
    assert payload(ask(tools=[{"type": "function", "function": function}])) == (
        told(**offers({"name": "get_time", "response": {"type": "string"}})),
        ("tools[0].deferred",),
    )


def test_a_call_that_must_be_made_keeps_to_its_schema() -> None:
    strict = {"type": "function", "function": {**WEATHER["function"], "strict": True}}
    assert payload(ask(tools=[strict], tool_choice="required")) == (told(**offers(), **chooses("ANY")), ())


def test_only_the_allowed_functions_are_offered() -> None:
    allowed = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "get_time"}}]}
    body = ask(tools=[WEATHER, CLOCK], tool_choice={"type": "allowed_tools", "allowed_tools": allowed})
    assert payload(body) == (told(**offers(CLOCK_DECLARED), **chooses("AUTO")), ())


def test_a_choice_of_what_is_not_there() -> None:
    found = written(ask(tools=[WEATHER], tool_choice={"type": "function", "function": {"name": "get_time"}}))
    assert isinstance(found, Failure)
    assert (found.kind, found.param) == (Kind.INVALID_REQUEST, "tool_choice")
    assert payload(ask(tools=[{"type": "google_search"}], tool_choice="required"))[1] == ("tool_choice",)
    assert payload(ask(tool_choice="auto")) == (told(), ())


def test_a_callers_own_tool_config() -> None:
    own = {
        "include_server_side_tool_invocations": True,
        "functionCallingConfig": {"mode": "VALIDATED", "streamFunctionCallArguments": True},
    }
    assert payload(ask(tools=[WEATHER], tool_choice="auto", tool_config=own)) == (
        told(
            **offers(),
            toolConfig={"includeServerSideToolInvocations": True, "functionCallingConfig": {"mode": "VALIDATED"}},
        ),
        ("tool_config.function_calling_config.stream_function_call_arguments",),
    )
    assert of(GEMMA, ask(toolConfig={"retrievalConfig": {}})) == (told(toolConfig={"retrievalConfig": {}}), ())


# How the answer is made.


@pytest.mark.parametrize(
    ("traits", "parameters", "config", "dropped"),
    [
        (BUDGET, {"reasoning_effort": "low"}, {"includeThoughts": True, "thinkingBudget": 100}, ()),
        (BUDGET, {"reasoning_effort": "ultra"}, None, ("reasoning_effort",)),
        (BUDGET, {"reasoning_effort": "none"}, {"thinkingBudget": 0}, ()),
        (BUDGET, {"thinking": {"type": "enabled", "budget_tokens": 0}}, {"thinkingBudget": 0}, ()),
        (BUDGET, {"thinking": {"type": "enabled"}}, {"includeThoughts": True}, ()),
        (BUDGET, {"reasoning": {"effort": "low", "max_tokens": 700}}, {"includeThoughts": True, "thinkingBudget": 700}, ()),
        (NEVER_STOPS, {"reasoning_effort": "medium"}, {"includeThoughts": True, "thinkingBudget": 8192}, ()),
        (NEVER_STOPS, {"reasoning_effort": "none"}, {"thinkingBudget": 128}, ("reasoning_effort",)),
        (NEVER_STOPS, {"thinking": {"type": "disabled"}}, {"thinkingBudget": 128}, ("thinking",)),
        (LEVEL, {"reasoning_effort": "low"}, {"includeThoughts": True, "thinkingLevel": "low"}, ()),
        (LEVEL, {"reasoning_effort": "none"}, {"thinkingLevel": "minimal"}, ("reasoning_effort",)),
        (LEVEL, {"reasoning": {"enabled": False}}, {"thinkingLevel": "minimal"}, ("thinking",)),
        (LEVEL, {"reasoning": {"effort": "high", "max_tokens": 5}}, {"includeThoughts": True, "thinkingLevel": "high"}, ("thinking.budget_tokens",)),
        (LEVEL, {"reasoning": {"max_tokens": 5}}, {"includeThoughts": True, "thinkingBudget": 5}, ()),
        (UNKNOWN_LEVELS, {"reasoning_effort": "medium"}, {"includeThoughts": True, "thinkingLevel": "high"}, ()),
        (UNKNOWN_LEVELS, {"reasoning_effort": "none"}, {"thinkingLevel": "low"}, ("reasoning_effort",)),
        (THOUGHTLESS, {"reasoning_effort": "low"}, None, ("reasoning_effort",)),
        (THOUGHTLESS, {"reasoning_effort": "none"}, None, ()),
        (BUDGET, {"thinking_config": {"thinking_budget": -1}, "reasoning_effort": "low"}, {"thinkingBudget": -1}, ("reasoning_effort",)),
        (BUDGET, {"thinkingConfig": 3}, None, ("thinking_config",)),
    ],
)  # fmt: skip
def test_thinking(traits: Traits, parameters: dict[str, Any], config: Any, dropped: tuple[str, ...]) -> None:
    assert of(traits, ask(**parameters)) == (makes(thinkingConfig=config) if config else told(), dropped)


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
    assert of(traits, ask(temperature=1, top_p=0.5, frequency_penalty=0.5)) == (
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
