"""Requests in Anthropic's dialect: every row of the matrix, the hosts, how families are told to think, betas."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matrix import (
    EPHEMERAL,
    HELLO,
    HUGE_SCHEMA,
    MATRIX,
    PDF,
    PIXEL,
    SCHEMA,
    WEATHER,
    WEATHER_CALL,
    ask,
    call,
    called,
    result,
    user,
)
from matrix import text as part
from penstock.core.chat import ChatRequest, Format, Message, Owner, TextPart
from penstock.core.failure import Failure
from penstock.core.traits import ANY_MODEL, Traits
from penstock.dialects.anthropic import DIALECT
from penstock.dialects.anthropic.provider.messages import tool_id
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.openai.caller.request import read
from penstock.traits import resolve


def request(body: dict[str, Any]) -> ChatRequest:
    found = read(json.dumps(body).encode())
    assert isinstance(found, ChatRequest), found
    return found


def write(
    body: dict[str, Any], traits: Traits = ANY_MODEL, variant: str = "", **options: str
) -> tuple[dict[str, Any], Payload]:
    payload = DIALECT.write(request(body), WriteContext("claude", "anthropic", traits, options, variant))
    assert isinstance(payload, Payload), payload
    return json.loads(payload.body), payload


# The matrix, checked against the API reference row by row.


def say(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def turn(role: str, *blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "content": list(blocks)}


def use(call_id: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def answer(call_id: str, **content: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, **content}


def picture(mime: str = "image/png") -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": mime, "data": PIXEL}}


def document(source: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "document", "source": source, **more}


def sent(*turns: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"model": "claude", "max_tokens": 4096, "messages": list(turns) or [ASKED], **members}


ASKED: Final = turn("user", say("Hello"))
HI: Final = turn("assistant", say("Hi"))
BRIEF: Final = say("Be brief.")
FORECAST: Final = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": WEATHER["function"]["parameters"],
}
NOTHING: Final = {"type": "object", "properties": {}}
CLOCK: Final = {"name": "get_time", "input_schema": NOTHING}
PARIS: Final = use("call_1", "get_weather", {"city": "Paris"})
TIME: Final = use("call_2", "get_time", {})
SUNNY: Final = answer("call_1", content="Sunny")
PDF_SOURCE: Final = {"type": "base64", "media_type": "application/pdf", "data": PDF}
FORM: Final = {"format": {"type": "json_schema", "schema": SCHEMA}}
ODD: Final = tool_id("functions.get_time:0")


def after_call(*results: dict[str, Any], tools: tuple[dict[str, Any], ...] = (FORECAST,)) -> dict[str, Any]:
    return sent(ASKED, turn("assistant", PARIS), turn("user", *results), tools=list(tools))


# fmt: off
EXPECTED: Final[dict[str, tuple[dict[str, Any], tuple[str, ...]]]] = {
    "plain": (sent(), ()),
    "system": (sent(system=[BRIEF]), ()),
    "developer": (sent(system=[BRIEF]), ()),
    "two_systems": (sent(system=[BRIEF, say("Be kind.")]), ()),
    "system_parts": (sent(system=[BRIEF, say("Be kind.")]), ()),
    "system_only": (sent(turn("user", say("Be brief."))), ()),
    "late_system": (sent(ASKED, HI, turn("user", say("Now in French."), say("And?"))), ()),
    "history": (sent(ASKED, HI, turn("user", say("How are you?"))), ()),
    "two_users": (sent(turn("user", say("One."), say("Two."))), ()),
    "two_assistants": (sent(ASKED, turn("assistant", say("Hi"), say("there")), turn("user", say("Go on"))), ()),
    "assistant_first": (sent(turn("assistant", say("Welcome")), ASKED), ()),
    "named_user": (sent(), ("messages[0].name",)),
    "prefill": (sent(ASKED, turn("assistant", say("The answer is"))), ()),
    "empty_assistant": (sent(turn("user", say("Hello"), say("Still there?"))), ()),
    "refused_before": (sent(ASKED, turn("assistant", say("I can't.")), turn("user", say("Why?"))), ()),
    "unicode": (sent(turn("user", say("Ünïcödé 🙂 \u0000 \u2028 日本語 \U0001f468\u200d\U0001f469\u200d\U0001f467"))), ()),
    "parts": (sent(turn("user", say("One."), say("Two."))), ()),
    "image_data": (sent(turn("user", say("What is this?"), picture())), ()),
    "image_url": (sent(turn("user", say("What is this?"), {"type": "image", "source": {"type": "url", "url": "https://example.com/cat.jpg"}})), ()),
    "image_detail": (sent(turn("user", picture(), say("What is this?"))), ("messages[0].content[0].image_url.detail",)),
    "two_images": (sent(turn("user", picture(), say("and"), picture("image/webp"))), ()),
    "pdf_in_image_url": (sent(turn("user", say("Sum up."), document(PDF_SOURCE))), ()),
    "file_data": (sent(turn("user", say("Sum up."), document(PDF_SOURCE, title="a report.pdf"))), ()),
    "file_url": (sent(turn("user", say("Sum up."), document({"type": "url", "url": "https://example.com/report.pdf"}))), ()),
    "file_id": (sent(turn("user", say("Sum up."), document({"type": "file", "file_id": "file-123"}))), ()),
    "file_text": (sent(turn("user", document({"type": "text", "media_type": "text/plain", "data": "Hello"}, title="notes.txt"), say("Sum up."))), ()),
    "audio": (sent(turn("user", say("What is said?"))), ("messages[0].content[1]",)),
    "video": (sent(turn("user", say("What happens?"))), ("messages[0].content[1]",)),
    "unknown_part": (sent(turn("user", say("See."))), ("messages[0].content[1]",)),
    "tools": (sent(tools=[FORECAST, CLOCK]), ()),
    "tool_strict": (sent(tools=[{**FORECAST, "strict": True, "input_schema": {**FORECAST["input_schema"], "additionalProperties": False}}]), ()),
    "tool_huge": (sent(tools=[{"name": "fill", "input_schema": HUGE_SCHEMA}]), ()),
    "tool_unicode": (sent(tools=[{"name": "wetter", "description": "Wie ist’s in „Köln“? ☔", "input_schema": NOTHING}]), ()),
    "choice_auto": (sent(tools=[FORECAST], tool_choice={"type": "auto"}), ()),
    "choice_none": (sent(tools=[FORECAST], tool_choice={"type": "none"}), ()),
    "choice_required": (sent(tools=[FORECAST], tool_choice={"type": "any"}), ()),
    "choice_named": (sent(tools=[FORECAST, CLOCK], tool_choice={"type": "tool", "name": "get_time"}), ()),
    "choice_allowed": (sent(tools=[FORECAST, CLOCK], tool_choice={"type": "tool", "name": "get_time"}), ()),
    "not_parallel": (sent(tools=[FORECAST], tool_choice={"type": "auto", "disable_parallel_tool_use": True}), ()),
    "parallel": (sent(tools=[FORECAST]), ()),
    "one_call": (after_call(SUNNY), ()),
    "call_and_text": (sent(ASKED, turn("assistant", say("Let me see."), PARIS), turn("user", SUNNY), tools=[FORECAST]), ()),
    "two_calls": (sent(ASKED, turn("assistant", PARIS, TIME), turn("user", SUNNY, answer("call_2", content='{"hour": 9}')), tools=[FORECAST, CLOCK]), ()),
    "same_function_twice": (sent(ASKED, turn("assistant", PARIS, use("call_3", "get_weather", {"city": "Rome"})), turn("user", answer("call_3", content="Rain"), SUNNY), tools=[FORECAST]), ()),
    "results_then_user": (after_call(SUNNY, say("And tomorrow?")), ()),
    "result_parts": (after_call(answer("call_1", content=[say("Sunny"), say(" and warm")])), ()),
    "result_empty": (after_call(answer("call_1")), ()),
    "result_image": (after_call(answer("call_1", content=[say("A map:"), picture()])), ()),
    "arguments_empty": (sent(ASKED, turn("assistant", TIME), turn("user", answer("call_2", content="9")), tools=[CLOCK]), ()),
    "arguments_broken": (sent(ASKED, turn("assistant", use("call_1", "get_weather", {"INVALID_JSON": '{"city": "Par'})), turn("user", answer("call_1", content="?")), tools=[FORECAST]), ()),
    "odd_id": (sent(ASKED, turn("assistant", use(ODD, "get_time", {})), turn("user", answer(ODD, content="9")), tools=[CLOCK]), ()),
    "call_without_result": (after_call(say("Never mind.")), ()),
    "legacy_functions": (sent(tools=[FORECAST], tool_choice={"type": "auto"}), ()),
    "native_tool": (sent(tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]), ()),
    "custom_tool": (sent(), ("tools[0]",)),
    "format_text": (sent(), ()),
    "format_json": (sent(turn("user", say("Answer in JSON."))), ("response_format",)),
    "format_schema": (sent(output_config=FORM), ()),
    "format_and_tools": (sent(tools=[FORECAST], output_config=FORM), ()),
    "max_tokens": (sent(max_tokens=100), ()),
    "max_completion_tokens": (sent(max_tokens=200), ()),
    "both_limits": (sent(max_tokens=200), ()),
    "temperature": (sent(temperature=0.7), ()),
    "temperature_high": (sent(temperature=1.5), ()),
    "top_p": (sent(top_p=0.9), ()),
    "temperature_and_top_p": (sent(temperature=0.2, top_p=0.9), ()),
    "top_k": (sent(top_k=40), ()),
    "stop_string": (sent(stop_sequences=["END"]), ()),
    "stop_list": (sent(stop_sequences=["END"]), ("stop[1]",)),
    "penalties": (sent(), ("presence_penalty", "frequency_penalty")),
    "no_penalties": (sent(), ()),
    "seed": (sent(), ("seed",)),
    "n": (sent(), ("n",)),
    "n_one": (sent(), ()),
    "logprobs": (sent(), ("logprobs", "top_logprobs")),
    "logit_bias": (sent(), ("logit_bias",)),
    "modalities_audio": (sent(), ("modalities", "audio")),
    "prediction": (sent(), ("prediction",)),
    "effort_none": (sent(), ()),
    "effort_low": (sent(max_tokens=4000), ("reasoning_effort",)),
    "effort_high": (sent(), ("reasoning_effort",)),
    "thinking": (sent(thinking={"type": "enabled", "budget_tokens": 2048}), ()),
    "thinking_off": (sent(thinking={"type": "disabled"}), ()),
    "reasoning_before": (sent(ASKED, HI, turn("user", say("And?"))), ()),
    "signed_by_anthropic": (sent(ASKED, turn("assistant", {"type": "thinking", "thinking": "Look it up.", "signature": "c2ln"}, PARIS), turn("user", SUNNY), tools=[FORECAST]), ()),
    "redacted_by_anthropic": (sent(ASKED, turn("assistant", {"type": "redacted_thinking", "data": "ZW5jcnlwdGVk"}, say("Hi")), turn("user", say("And?"))), ()),
    "signed_by_google": (after_call(SUNNY), ()),
    "user": (sent(metadata={"user_id": "user-123"}), ()),
    "metadata": (sent(), ("metadata",)),
    "store": (sent(), ("store",)),
    "service_tier": (sent(), ("service_tier",)),
    "stream": (sent(stream=True), ()),
    "unknown_parameter": (sent(), ("frobnicate",)),
    "cache_system": (sent(system=[say("A long text.", cache_control=EPHEMERAL)]), ()),
    "cache_user": (sent(turn("user", say("A long text.", cache_control={"type": "ephemeral", "ttl": "1h"}), say("A question."))), ()),
    "cache_tool": (sent(tools=[{**FORECAST, "cache_control": EPHEMERAL}]), ()),
    "cache_message": (sent(turn("user", say("A long text.", cache_control=EPHEMERAL))), ()),
}
# fmt: on
NOTHING_TO_SAY: Final = {"empty_content"}


@pytest.mark.parametrize("name", MATRIX)
def test_every_request_of_the_matrix(name: str) -> None:
    payload = DIALECT.write(request(MATRIX[name]), WriteContext("claude"))
    if name in NOTHING_TO_SAY:
        assert isinstance(payload, Failure)
        assert payload.param == "messages"
        return
    assert isinstance(payload, Payload)
    assert (json.loads(payload.body), payload.dropped) == EXPECTED[name]


def test_a_search_in_openais_words() -> None:
    place = {"city": "Rome", "country": "IT"}
    options = {"search_context_size": "low", "user_location": {"type": "approximate", "approximate": place}}
    search = {"type": "web_search_20250305", "name": "web_search"}

    def tools(body: dict[str, Any], variant: str = "") -> tuple[Any, tuple[str, ...]]:
        written, payload = write(body, variant=variant)
        return written.get("tools"), payload.dropped

    located = {**search, "user_location": {"type": "approximate", **place}}
    assert tools(ask(web_search_options=options)) == ([located], ("web_search_options.search_context_size",))
    assert tools(ask(tools=[WEATHER], web_search_options={})) == ([FORECAST, search], ())
    own = {**search, "max_uses": 3}
    assert tools(ask(tools=[own], web_search_options={})) == ([own], ("web_search_options",))
    assert tools(ask(web_search_options={}), "vertex") == ([search], ())
    assert tools(ask(web_search_options={}), "bedrock") == (None, ("web_search_options",))


# What is said.


def test_results_come_first_in_their_turn() -> None:
    body, _ = write(ask(HELLO, called(call("call_1", "f", "{}")), user("Wait."), result("call_1", "Sunny")))
    assert body["messages"][2]["content"] == [SUNNY, say("Wait.")]


def test_text_without_a_visible_character_is_left_out_and_its_marker_named() -> None:
    body, payload = write(ask(user(part(" \n", cache_control=EPHEMERAL), part("Hello"))))
    assert body["messages"] == [ASKED]
    assert payload.dropped == ("messages[0].content[0].cache_control",)


def test_the_beginning_of_an_answer_ends_in_no_white_space() -> None:
    body, payload = write(ask(HELLO, {"role": "assistant", "content": "Well \n"}))
    assert body["messages"][1] == turn("assistant", say("Well"))
    assert payload.dropped == ()


def test_blocks_of_anthropic_pass_and_those_of_others_do_not() -> None:
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
    code = {"executableCode": {"code": "1"}}
    said = {"role": "assistant", "content": "Hi", "content_blocks": [search, code, say("Hi")]}
    body, payload = write(ask(HELLO, said, user("And?")))
    assert body["messages"][1] == turn("assistant", search, say("Hi"))
    assert payload.dropped == ("messages[1].content[1]",)


def test_thinking_that_others_signed_is_not_sent() -> None:
    details = [{"type": "reasoning.text", "text": "Hm.", "signature": "x", "format": "google-gemini-v1"}]
    body, _ = write(ask(HELLO, {"role": "assistant", "content": "Hi", "reasoning_details": details}, user("And?")))
    assert body["messages"][1] == HI


def test_arguments_keep_their_bytes() -> None:
    arguments = '{"id": 123456789012345678901234, "price": 1.10, "far": 1e400}'
    _, payload = write(ask(HELLO, called(call("call_1", "f", arguments)), result("call_1", "ok")))
    assert arguments.encode() in payload.body


@pytest.mark.parametrize("arguments", ["[1]", "null", '"x"', "{", "\ud800"])
def test_arguments_that_are_no_object_are_wrapped(arguments: str) -> None:
    body, _ = write(ask(HELLO, called(call("call_1", "f", arguments)), result("call_1", "ok")))
    assert body["messages"][1]["content"][0]["input"] == {"INVALID_JSON": arguments}


def test_plain_text_for_a_custom_tool_becomes_its_input() -> None:
    custom = {"id": "call_1", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    body, _ = write(ask(HELLO, called(custom), result("call_1", "ok")))
    assert body["messages"][1]["content"] == [use("call_1", "shell", {"input": "ls"})]


def test_a_failed_result_says_so_and_keeps_its_marker() -> None:
    failed = {**result("call_1", "No."), "is_error": True, "cache_control": EPHEMERAL}
    body, _ = write(ask(HELLO, called(call("call_1", "f", "{}")), failed))
    assert body["messages"][2]["content"] == [
        {**answer("call_1", content="No."), "is_error": True, "cache_control": EPHEMERAL}
    ]


# fmt: off
DOCUMENTS: Final[list[tuple[Any, ...]]] = [
    ({"file_data": PDF}, PDF_SOURCE),
    ({"file_url": "https://example.com/a"}, {"type": "url", "url": "https://example.com/a"}),
    ({"file_url": "gs://bucket/a.pdf"}, None),
    ({"file_url": "https://example.com/a.txt", "mime_type": "text/plain"}, None),
    ({"file_data": "data:text/markdown;base64,SGk="}, {"type": "text", "media_type": "text/plain", "data": "Hi"}),
    ({"file_data": "data:text/plain;base64,gICA"}, None),
    ({"file_data": "data:application/zip;base64,UEs="}, None),
]
# fmt: on


@pytest.mark.parametrize(("file", "source"), DOCUMENTS)
def test_documents(file: dict[str, Any], source: dict[str, Any] | None) -> None:
    body, payload = write(ask(user(part("Read."), {"type": "file", "file": file})))
    blocks = body["messages"][0]["content"][1:]
    assert blocks == ([document(source)] if source else [])
    assert payload.dropped == (() if source else ("messages[0].content[1]",))


def test_images() -> None:
    jpg = {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,AA==", "detail": "high"}}
    as_file = {"type": "file", "file": {"file_id": "file_1", "mime_type": "image/png"}}
    bucket = {"type": "image_url", "image_url": {"url": "s3://bucket/cat.png"}}
    body, payload = write(ask(user(jpg, as_file, bucket)))
    assert body["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AA=="}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    ]
    assert payload.dropped == ("messages[0].content[2]",)


def test_what_a_family_cannot_see_is_refused() -> None:
    body, payload = write(MATRIX["image_data"], Traits(vision=False))
    assert body["messages"] == [turn("user", say("What is this?"))]
    assert payload.dropped == ("messages[0].content[1]",)
    assert write(MATRIX["file_data"], Traits(documents=False))[1].dropped == ("messages[0].content[1]",)


def test_only_text_can_be_a_system_prompt() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    body, payload = write(ask({"role": "system", "content": [part("Be brief."), picture]}, HELLO))
    assert body["system"] == [BRIEF]
    assert payload.dropped == ("messages[0].content[1]",)


# Tools.


def test_a_schema_keeps_its_bytes_unless_it_lacks_its_type() -> None:
    schema = '{"type":"object", "properties":{"n":{"maximum":1e400}}}'
    body = json.dumps(ask()).replace(
        '"model"', '"tools":[{"type":"function","function":{"name":"f","parameters":SCHEMA}}],"model"'
    )
    for given_schema, wanted in ((schema, schema), ('{"required":[]}', '{"type":"object","required":[]}')):
        found = read(body.replace("SCHEMA", given_schema).encode())
        assert isinstance(found, ChatRequest)
        payload = DIALECT.write(found, WriteContext("claude"))
        assert isinstance(payload, Payload)
        assert b'"input_schema":' + wanted.encode() in payload.body


def test_members_of_tools() -> None:
    known = {
        "defer_loading": True,
        "allowed_callers": ["direct"],
        "input_examples": [{}],
        "eager_input_streaming": True,
    }
    body, payload = write(ask(tools=[{**WEATHER, **known, "colour": "red"}]))
    assert body["tools"] == [{**FORECAST, **known}]
    assert payload.dropped == ("tools[0].colour",)


def test_strict_tools_need_a_family_that_keeps_to_schemas() -> None:
    body, payload = write(MATRIX["tool_strict"], Traits(json_schema=False))
    assert body["tools"] == [FORECAST]
    assert payload.dropped == ("tools[0].function.strict",)


# fmt: off
NATIVE_TOOLS: Final[list[tuple[Any, ...]]] = [
    ({"type": "mcp_toolset", "mcp_server_name": "a"}, {"type": "mcp_toolset", "mcp_server_name": "a"}),
    ({"type": "custom", "name": "f", "input_schema": NOTHING}, {"type": "custom", "name": "f", "input_schema": NOTHING}),
    ({"type": "computer", "computer": {"name": "computer_20250124", "display_width_px": 9}, "cache_control": EPHEMERAL},
     {"type": "computer_20250124", "name": "computer", "display_width_px": 9, "cache_control": EPHEMERAL}),
    ({"type": "web_search_preview"}, None),
    ({"type": "custom", "custom": {"name": "shell"}}, None),
]
# fmt: on


@pytest.mark.parametrize(("tool", "written"), NATIVE_TOOLS)
def test_tools_of_anthropic_pass_in_either_form(tool: dict[str, Any], written: dict[str, Any] | None) -> None:
    body, payload = write(ask(tools=[tool]))
    assert body.get("tools") == ([written] if written else None)
    assert payload.dropped == (() if written else ("tools[0]",))


def allowed(mode: str, *names: str) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


def test_of_several_allowed_tools_the_others_are_not_offered() -> None:
    tools = [
        WEATHER,
        {"type": "function", "function": {"name": "get_time"}},
        {"type": "function", "function": {"name": "f"}},
    ]
    body, _ = write(
        ask(tools=tools, tool_choice=allowed("required", "get_weather", "get_time"), parallel_tool_calls=False)
    )
    assert body["tools"] == [FORECAST, CLOCK]
    assert body["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    body, _ = write(ask(tools=tools, tool_choice=allowed("auto", "get_time")))
    assert body["tools"] == [CLOCK]
    assert body["tool_choice"] == {"type": "auto"}


def test_a_choice_of_a_tool_that_is_not_there_is_the_callers_mistake() -> None:
    choice = {"type": "function", "function": {"name": "get_time"}}
    failure = DIALECT.write(request(ask(tools=[WEATHER], tool_choice=choice)), WriteContext("claude"))
    assert isinstance(failure, Failure)
    assert failure.param == "tool_choice"


def test_a_choice_without_tools() -> None:
    assert write(ask(tool_choice="auto", parallel_tool_calls=False))[1].dropped == ()
    body, payload = write(ask(tool_choice="required"))
    assert "tool_choice" not in body
    assert payload.dropped == ("tool_choice",)


def test_a_family_without_tools() -> None:
    body, payload = write(MATRIX["choice_required"], Traits(tools=False))
    assert body == sent()
    assert payload.dropped == ("tools", "tool_choice")


# The form of the answer.


def schema_of(schema: dict[str, Any], **traits: Any) -> Any:
    form = {"type": "json_schema", "json_schema": {"name": "reply", "description": "A reply", "schema": schema}}
    body, payload = write(ask(response_format=form), Traits(**traits))
    return body.get("output_config"), payload.dropped


def test_every_object_of_a_schema_is_closed() -> None:
    leaf = {"type": ["object", "null"], "properties": {"items": {"type": "string"}}}
    closed = {**leaf, "additionalProperties": False}
    free = {"type": "object", "additionalProperties": {"type": "string"}}

    def tree(node: dict[str, Any]) -> dict[str, Any]:
        inner = {"list": {"type": "array", "items": node}, "any": {"anyOf": [node, {"type": "null"}]}, "free": free}
        return {"type": "object", "properties": inner, "$defs": {"node": node}}

    wanted = {**tree(closed), "additionalProperties": False}
    written, dropped = schema_of(tree(leaf))
    assert written == {"format": {"type": "json_schema", "schema": wanted}}
    assert dropped == ("response_format.json_schema.description",)


def test_a_schema_that_is_enforced_says_no_more_than_can_be() -> None:
    bounded = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "additionalProperties": False}
    fitted = {**bounded, "properties": {"n": {"type": "integer", "description": "minimum: 1"}}}
    assert schema_of(bounded) == (
        {"format": {"type": "json_schema", "schema": fitted}},
        ("response_format.json_schema.schema.minimum", "response_format.json_schema.description"),
    )
    function = {"name": "f", "parameters": bounded}
    strict, free = ({"type": "function", "function": {**function, **more}} for more in ({"strict": True}, {}))
    body, payload = write(ask(tools=[strict, free]))
    assert [tool["input_schema"] for tool in body["tools"]] == [fitted, bounded]
    assert payload.dropped == ("tools[0].function.parameters.minimum",)


def test_a_family_that_keeps_to_no_schema() -> None:
    assert schema_of(SCHEMA, json_schema=False) == (None, ("response_format",))


def test_a_schema_too_deep_to_look_into_passes_as_it_is() -> None:
    deep = b'{"type":"object","items":' * 100_000 + b"{}" + b"}" * 100_000
    asked = ChatRequest(
        "m", (Message("user", (TextPart("Hi"),)),), {"response_format": Format("json_schema", schema=deep)}
    )
    payload = DIALECT.write(asked, WriteContext("claude"))
    assert isinstance(payload, Payload)
    assert deep in payload.body


def test_anthropics_own_words_win() -> None:
    own = {"effort": "max", "format": {"type": "json_schema", "schema": {"type": "string"}}}
    body, payload = write(
        ask(output_config=own, reasoning_effort="low", response_format={"type": "json_object"}), ADAPTIVE
    )
    assert body["output_config"] == own
    assert payload.dropped == ("response_format",)


# Sampling.


def test_temperature_or_top_p() -> None:
    body, payload = write(MATRIX["temperature_and_top_p"], Traits(one_of_sampling=True))
    assert body == sent(temperature=0.2)
    assert payload.dropped == ("top_p",)
    assert write(MATRIX["top_p"], Traits(one_of_sampling=True))[0] == sent(top_p=0.9)
    body, payload = write(ask(temperature=1, top_p=0.9), Traits(one_of_sampling=True))
    assert (body, payload.dropped) == (sent(top_p=0.9), ())


def test_what_a_family_refuses_is_dropped_unless_it_says_nothing() -> None:
    traits = Traits(refuses=frozenset({"temperature", "top_p", "top_k"}))
    body, payload = write(ask(temperature=1, top_p=0.5, top_k=4), traits)
    assert body == sent()
    assert payload.dropped == ("top_p", "top_k")


def test_sampling_while_thinking() -> None:
    on = {"type": "enabled", "budget_tokens": 1024}
    body, payload = write(ask(thinking=on, temperature=0.3, top_p=0.97, top_k=4), Traits(one_of_sampling=True))
    assert body == sent(thinking=on, top_p=0.97)
    assert payload.dropped == ("temperature", "top_k")
    assert write(ask(thinking=on, temperature=1, top_p=0.5))[1].dropped == ("top_p",)


def test_numbers_keep_their_values() -> None:
    body, _ = write(ask(temperature=1.5, top_p=-1, max_tokens=0), Traits(max_temperature=1.0))
    assert body == sent(temperature=1.5, top_p=-1, max_tokens=0)


# Thinking.

BUDGET: Final = Traits(thinking="budget", output_limit=64_000, min_budget=1024)
ADAPTIVE: Final = Traits(
    thinking="adaptive",
    output_limit=64_000,
    efforts={"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "max"},
)
UNASKED: Final = Traits(thinking="adaptive", output_limit=64_000, efforts={"low": "low"}, thinks_unasked=True)


# fmt: off
BUDGETS: Final[list[tuple[Any, ...]]] = [
    ({"reasoning_effort": "minimal"}, 64_000, 1024, ()),
    ({"reasoning_effort": "low"}, 64_000, 1024, ()),
    ({"reasoning_effort": "medium"}, 64_000, 8192, ()),
    ({"reasoning_effort": "high"}, 64_000, 16_384, ()),
    ({"reasoning_effort": "xhigh"}, 64_000, 32_768, ()),
    ({"reasoning": {"enabled": True}}, 64_000, 8192, ()),
    ({"reasoning": {"max_tokens": 100_000}}, 104_096, 100_000, ()),
    ({"reasoning": {"max_tokens": 5000}, "max_tokens": 4000}, 4000, 2000, ("reasoning.max_tokens",)),
    ({"reasoning_effort": "high", "max_tokens": 16_385}, 16_385, 16_384, ()),
    ({"reasoning_effort": "high", "max_tokens": 10_000}, 10_000, 5000, ()),
    ({"reasoning_effort": "high", "max_tokens": 1500}, 1500, 1024, ()),
    ({"reasoning_effort": "low", "max_tokens": 1024}, 1024, None, ("reasoning_effort",)),
    ({"reasoning_effort": "none"}, 64_000, None, ()),
    ({"reasoning_effort": "utmost"}, 64_000, None, ("reasoning_effort",)),
]
# fmt: on


@pytest.mark.parametrize(("asked", "tokens", "budget", "dropped"), BUDGETS)
def test_thinking_by_budget(asked: dict[str, Any], tokens: int, budget: int | None, dropped: tuple[str, ...]) -> None:
    body, payload = write(ask(**asked), BUDGET)
    thinking = {} if budget is None else {"thinking": {"type": "enabled", "budget_tokens": budget}}
    assert body == sent(**{"max_tokens": tokens, **thinking})
    assert payload.dropped == dropped


def test_a_default_limit_leaves_room_for_the_answer() -> None:
    body, _ = write(ask(reasoning_effort="high"), Traits(thinking="budget", budgets={"high": 9000}))
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (13_096, 9000)
    own = {"type": "enabled", "budget_tokens": 9000}
    assert write(ask(thinking=own))[0] == sent(max_tokens=13_096, thinking=own)
    assert write(ask(thinking=own, max_tokens=50))[0] == sent(max_tokens=50, thinking=own)


# fmt: off
ADAPTED: Final[list[tuple[Any, ...]]] = [
    ({"reasoning_effort": "minimal"}, "low", ()),
    ({"reasoning_effort": "xhigh"}, "max", ()),
    ({"reasoning_effort": "utmost"}, None, ("reasoning_effort",)),
    ({"reasoning": {"enabled": True}}, None, ()),
    ({"reasoning": {"max_tokens": 8000}}, "medium", ()),
    ({"reasoning": {"max_tokens": 999_999}}, "max", ()),
]
# fmt: on


@pytest.mark.parametrize(("asked", "effort", "dropped"), ADAPTED)
def test_adaptive_thinking(asked: dict[str, Any], effort: str | None, dropped: tuple[str, ...]) -> None:
    body, payload = write(ask(**asked), ADAPTIVE)
    beside = {"output_config": {"effort": effort}} if effort else {}
    assert body == sent(max_tokens=64_000, thinking={"type": "adaptive"}, **beside)
    assert payload.dropped == dropped


def test_effort_beside_thinking_in_anthropics_words() -> None:
    asked = ask(thinking={"type": "adaptive", "display": "summarized"}, reasoning_effort="high")
    body, _ = write(asked, ADAPTIVE)
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": "high"}
    assert write(asked, BUDGET)[1].dropped == ("reasoning_effort",)


def test_families_that_think_unasked() -> None:
    assert "thinking" not in write(ask(), UNASKED)[0]
    assert write(ask(reasoning_effort="none"), UNASKED)[0]["thinking"] == {"type": "disabled"}
    between = Traits(thinks_unasked=True, thinking_off="between_tools")
    assert write(ask(reasoning={"enabled": False}), between)[0]["thinking"] == {"type": "between_tools"}
    always = Traits(thinks_unasked=True, can_stop_thinking=False)
    body, payload = write(ask(reasoning_effort="none"), always)
    assert "thinking" not in body
    assert payload.dropped == ("reasoning_effort",)


def test_a_forced_tool_and_thinking_exclude_each_other() -> None:
    forced = ask(tools=[WEATHER], tool_choice="required")
    body, payload = write({**forced, "reasoning_effort": "low"}, BUDGET)
    assert body["tool_choice"] == {"type": "auto"}
    assert payload.dropped == ("tool_choice",)
    body, payload = write({**MATRIX["choice_named"], "reasoning_effort": "low"}, BUDGET)
    assert (body["tools"], body["tool_choice"]) == ([CLOCK], {"type": "auto"})
    assert payload.dropped == ("tool_choice",)
    body, payload = write(forced, UNASKED)  # nobody asked it to think
    assert body["thinking"] == {"type": "disabled"}
    assert body["tool_choice"] == {"type": "any"}
    assert payload.dropped == ()
    assert write(forced, Traits(thinks_unasked=True, can_stop_thinking=False))[1].dropped == ("tool_choice",)
    assert write(forced, Traits(forced_tools=False))[1].dropped == ("tool_choice",)


# About the request, and the hosts.


def test_a_tool_is_forced_while_a_claude_thinks_by_itself() -> None:
    forced = ask(tools=[WEATHER], tool_choice="required")
    for model in ("claude-opus-4-8", "claude-sonnet-5", "claude-haiku-5-5", "claude-fable-5"):
        traits = resolve(model)
        body, payload = write({**forced, "reasoning_effort": "high"}, traits)
        assert (body["tool_choice"], payload.dropped) == ({"type": "any"}, ())
        assert body["thinking"] == {"type": "adaptive"}
        assert "thinking" not in write(forced, traits)[0]
    for model in ("claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5-1", "claude-opus-4-7"):
        body, payload = write({**forced, "reasoning_effort": "high"}, resolve(model))
        assert (body["tool_choice"], payload.dropped) == ({"type": "auto"}, ("tool_choice",))


ENABLED: Final = {"type": "enabled", "budget_tokens": 9000, "display": "summarized"}


@pytest.mark.parametrize(
    ("model", "thinking", "told", "effort", "dropped"),
    [
        ("claude-sonnet-4-5", ENABLED, ENABLED, None, ()),
        ("claude-opus-4-6", ENABLED, ENABLED, None, ()),
        ("claude-opus-4-8", ENABLED, {"type": "adaptive", "display": "summarized"}, "high", ()),
        ("claude-sonnet-5-5", {"type": "disabled"}, {"type": "between_tools"}, None, ()),
        ("claude-sonnet-5", {"type": "disabled"}, {"type": "disabled"}, None, ()),
        ("claude-opus-5-5", {"type": "disabled"}, None, None, ("thinking",)),
        ("claude-next", ENABLED, ENABLED, None, ()),
    ],
)
def test_thinking_in_older_words_is_told_in_those_that_the_model_knows(
    model: str, thinking: dict[str, Any], told: Any, effort: str | None, dropped: tuple[str, ...]
) -> None:
    body, payload = write(ask(thinking=thinking), resolve(model))
    assert body.get("thinking") == told
    assert body.get("output_config", {}).get("effort") == effort
    assert payload.dropped == dropped


SIGNED: Final = {"type": "reasoning.text", "text": "Hm.", "signature": "s", "format": "anthropic-claude-v1", "index": 0}


def test_a_budget_needs_the_thought_before_the_calls_that_are_answered() -> None:
    traits = resolve("claude-sonnet-4-5")

    def loop(*details: dict[str, Any], then: tuple[Any, ...] = ()) -> dict[str, Any]:
        calls = {**called(WEATHER_CALL), **({"reasoning_details": list(details)} if details else {})}
        return ask(HELLO, calls, result("call_1", "Sunny"), *then, tools=[WEATHER])

    for asked in ({"reasoning_effort": "low"}, {"thinking": {"type": "enabled", "budget_tokens": 2000}}):
        assert "thinking" in write({**loop(SIGNED), **asked}, traits)[0]
        body, payload = write({**loop(), **asked}, traits)
        assert ("thinking" in body, payload.dropped) == (False, tuple(asked))
        google = {**SIGNED, "format": "google-gemini-v1"}
        assert "thinking" not in write({**loop(google), **asked}, traits)[0]
        assert "thinking" in write({**loop(then=(HELLO,)), **asked}, traits)[0]
    assert "thinking" in write({**loop(), "reasoning_effort": "low"}, resolve("claude-opus-4-8"))[0]


def test_an_effort_never_asks_for_more_than_the_model_says() -> None:
    body, payload = write(ask(reasoning_effort="max"), resolve("claude-opus-4-1"))
    assert (body["max_tokens"], body["thinking"]["budget_tokens"]) == (32_000, 27_904)
    assert payload.dropped == ()


@pytest.mark.parametrize("user", ["jane@example.com", "+44 20 7946 0000", "u" * 257])
def test_who_can_be_recognized_is_not_told(user: str) -> None:
    assert write(ask(user=user))[1].dropped == ("user",)
    body, payload = write(ask(user=user, safety_identifier="u-1"))
    assert (body["metadata"], payload.dropped) == ({"user_id": "u-1"}, ("user",))
    assert write(ask(user="12345678"))[0]["metadata"] == {"user_id": "12345678"}


def test_the_user_by_either_name() -> None:
    assert write(ask(safety_identifier="u-1"))[0] == sent(metadata={"user_id": "u-1"})
    body, payload = write(ask(safety_identifier="u-1", user="u-2"))
    assert body == sent(metadata={"user_id": "u-2"})
    assert payload.dropped == ("safety_identifier",)


def test_anthropics_own_parameters_pass() -> None:
    own: dict[str, Any] = {
        "cache_control": EPHEMERAL,
        "container": "container_1",
        "inference_geo": "us",
        "service_tier": "standard_only",
        "stop_sequences": ["X", " "],
        "metadata": {"user_id": "u", "team": "a"},
    }
    body, payload = write(ask(**own, stop="END", user="someone"))
    assert body == sent(**{**own, "stop_sequences": ["END", "X"], "metadata": {"user_id": "u"}})
    assert payload.dropped == ("user", "metadata.team", "stop_sequences[1]")


def test_vertex() -> None:
    body, payload = write(ask(stream=True, service_tier="standard_only"), variant="vertex", anthropic_beta="a, b")
    assert body == {
        "max_tokens": 4096,
        "messages": [ASKED],
        "stream": True,
        "anthropic_version": "vertex-2023-10-16",
    }
    assert payload.headers == (("anthropic-beta", "a,b"),)
    assert payload.dropped == ("service_tier",)


def test_bedrock() -> None:
    asked = ask(stream=True, anthropic_beta=["b", "c"], anthropic_version="bedrock-2024-01-01")
    body, payload = write(asked, variant="bedrock", anthropic_beta="a,b", anthropic_version="2023-06-01")
    assert body == {
        "max_tokens": 4096,
        "messages": [ASKED],
        "anthropic_version": "bedrock-2024-01-01",
        "anthropic_beta": ["a", "b", "c"],
    }
    assert payload.headers == ()
    assert payload.dropped == ()
    assert write(ask(anthropic_version="2023-06-01"), variant="bedrock")[1].dropped == ("anthropic_version",)


@pytest.mark.parametrize("variant", ["", "azure"])
def test_versions_and_betas_are_header_fields(variant: str) -> None:
    asked = ask(anthropic_version="2024-01-01", anthropic_beta="b, c")
    _, payload = write(asked, variant=variant, anthropic_beta="a,b", anthropic_version="2023-06-01")
    assert payload.headers == (("anthropic-version", "2024-01-01"), ("anthropic-beta", "a,b,c"))
    _, payload = write(asked, variant=variant, anthropic_version="2025-05-05")
    assert payload.headers == (("anthropic-beta", "b,c"),)
    assert payload.dropped == ("anthropic_version",)


# fmt: off
BETAS: Final[list[tuple[Any, ...]]] = [
    ({"tools": [{"type": "computer_20250124", "name": "computer"}]}, "computer-use-2025-01-24"),
    ({"mcp_servers": [{"name": "a"}]}, "mcp-client-2025-04-04"),
    ({"mcp_servers": [{"name": "a"}], "tools": [{"type": "mcp_toolset", "mcp_server_name": "a"}]}, "mcp-client-2025-11-20"),
    ({"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}, {"type": "compact_20260112"}]}}, "context-management-2025-06-27,compact-2026-01-12"),
    ({"container": {"skills": [{"skill_id": "pptx"}]}}, "skills-2025-10-02"),
    ({"speed": "fast"}, "fast-mode-2026-02-01"),
    ({"speed": "fast", "messages": [user({"type": "search_result", "content": ["x"]})]}, "fast-mode-2026-02-01"),
    ({"messages": [user({"type": "container_upload", "file_id": "file_1"})]}, "files-api-2025-04-14"),
    ({"messages": [HELLO, called(call("c", "f", "{}")), result("c", [{"type": "image", "source": {"type": "file", "file_id": "file_1"}}])]}, "files-api-2025-04-14"),
]
# fmt: on


@pytest.mark.parametrize(("asked", "betas"), BETAS)
def test_betas_that_a_request_needs(asked: dict[str, Any], betas: str) -> None:
    assert write({**ask(), **asked})[1].headers == (("anthropic-beta", betas),)


# Properties.


def strict_tool(name: str, **parameters: Any) -> dict[str, Any]:
    schema = {"type": "object", "additionalProperties": False, "properties": {}, **parameters}
    return {"type": "function", "function": {"name": name, "strict": True, "parameters": schema}}


def test_no_more_is_enforced_than_anthropic_compiles() -> None:
    """Claude docs, "Structured outputs", explicit limits: 20 strict tools, 24 optional members, 16 unions a request."""

    def strict(*tools: dict[str, Any], **more: Any) -> tuple[list[int], tuple[str, ...]]:
        body, payload = write(ask(tools=list(tools), **more), resolve("claude-opus-4-8"))
        return [at for at, tool in enumerate(body["tools"]) if tool.get("strict")], payload.dropped

    assert strict(*[strict_tool(f"f{n}") for n in range(22)]) == (
        list(range(20)),
        ("tools[20].function.strict", "tools[21].function.strict"),
    )
    text = {"type": "string"}
    thirteen = {f"m{n}": text for n in range(13)}
    assert strict(strict_tool("a", properties=thirteen), strict_tool("b", properties=thirteen), strict_tool("c")) == (
        [0, 2],
        ("tools[1].function.strict",),
    )
    needed = {"properties": thirteen, "required": list(thirteen)}
    assert strict(strict_tool("a", **needed), strict_tool("b", **needed)) == ([0, 1], ())
    unions = {f"m{n}": {"type": ["string", "null"]} if n % 2 else {"anyOf": [text, {"type": "null"}]} for n in range(9)}
    either = {"properties": unions, "required": list(unions)}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object", **either}}}
    assert strict(strict_tool("a", **either)) == ([0], ())
    assert strict(strict_tool("a", **either), response_format=form) == ([], ("tools[0].function.strict",))


def test_an_id_that_is_used_again_becomes_another() -> None:
    """The id of a call of the older kind is its function's name; some backends count from 0 with every turn."""
    once = called(call("call_0", "f", "{}")), result("call_0", "1")
    legacy = {"role": "assistant", "content": None, "function_call": {"name": "g", "arguments": "{}"}}
    answered = {"role": "function", "name": "g", "content": "2"}
    body, _ = write(ask(HELLO, *once, HELLO, *once, HELLO, legacy, answered, legacy, answered))
    uses = [block["id"] for turn in body["messages"] for block in turn["content"] if block["type"] == "tool_use"]
    results = [
        block["tool_use_id"] for turn in body["messages"] for block in turn["content"] if block["type"] == "tool_result"
    ]
    assert uses == results == ["call_0", "call_0-2", "g", "g-2"]


@given(st.sets(st.text(max_size=12), max_size=8))
@settings(max_examples=60, deadline=None)
def test_different_ids_stay_different_and_become_legal(ids: set[str]) -> None:
    mapped = {tool_id(each) for each in ids}
    assert len(mapped) == len(ids)
    assert all(re.fullmatch("[a-zA-Z0-9_-]+", each) for each in mapped)
    assert all(tool_id(each) == each for each in mapped)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "name", "edits", "text", "source"]), inner, max_size=3)
    ),
    max_leaves=8,
)
_NAMES = st.sampled_from(
    """tools tool_choice response_format thinking reasoning output_config stop_sequences metadata service_tier user
    anthropic_beta anthropic_version mcp_servers context_management container""".split()
)
_TRAITS = st.sampled_from([ANY_MODEL, BUDGET, ADAPTIVE, UNASKED, Traits(owner=Owner.ANTHROPIC, forced_tools=False)])


@given(
    st.sampled_from(sorted(MATRIX)),
    st.dictionaries(_NAMES, _VALUES, max_size=3),
    _TRAITS,
    st.sampled_from(["", "vertex", "bedrock"]),
)
@settings(max_examples=150, deadline=None)
def test_any_readable_request_is_written_or_refused(
    name: str, odd: dict[str, Any], traits: Traits, variant: str
) -> None:
    found = read(json.dumps({**MATRIX[name], **odd}).encode())
    if isinstance(found, ChatRequest):
        payload = DIALECT.write(found, WriteContext("claude", "anthropic", traits, {}, variant))
        if isinstance(payload, Payload):
            body = json.loads(payload.body)
            roles = [each["role"] for each in body["messages"]]
            assert all(one != next_one for one, next_one in pairwise(roles))
            assert isinstance(body["max_tokens"], int)
