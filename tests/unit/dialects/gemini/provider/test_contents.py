"""Conversations as Gemini takes them: roles, calls with their results, signatures in their places."""

import json
from typing import Any

import pytest

from gemini_requests import (
    BUDGET,
    CALLED,
    GEMMA,
    GOAL,
    LEVEL,
    PICTURE,
    SAYS_HELLO,
    SUNNY,
    TIME_CALLED,
    VERTEX,
    answers,
    detail,
    of,
    payload,
    said,
    says,
    told,
    written,
)
from matrix import (
    EPHEMERAL,
    HELLO,
    MATRIX,
    PIXEL,
    TIME_CALL,
    WEATHER,
    WEATHER_CALL,
    ask,
    called,
    image,
    result,
    text,
    user,
)
from penstock.core.events import collect
from penstock.core.failure import Failure, Kind
from penstock.dialects.caller import Caption
from penstock.dialects.dialect import Payload
from penstock.dialects.gemini import DIALECT
from penstock.dialects.openai.caller.completion import completion

PLACEHOLDER = "skip_thought_signature_validator"


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
