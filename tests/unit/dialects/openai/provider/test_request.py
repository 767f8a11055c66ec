"""A request back in OpenAI's shape: whatever can stay as it was does."""

import json
from typing import Any

import pytest

from matrix import HELLO, MATRIX, PDF, PIXEL, WEATHER, ask, called, image, result, text, user
from penstock.core.chat import ChatRequest
from penstock.core.json_text import write_json
from penstock.core.parameters import Parameters
from penstock.dialects.openai.caller import request as openai_request
from penstock.dialects.openai.provider.request import ANYTHING, Host, body

DELIVERY = {"model", "stream", "stream_options"}


def plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in DELIVERY}


def told(*messages: Any, **parameters: Any) -> dict[str, Any]:
    return plain(ask(*messages, **parameters))


SIGNED = told(*(MATRIX["one_call"]["messages"]), tools=[WEATHER])

# fmt: off
CHANGED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "developer": (plain(MATRIX["system"]), ()),
    "refused_before": (told(HELLO, {"role": "assistant", "content": "I can't."}, user("Why?")), ()),
    "pdf_in_image_url": (told(user(text("Sum up."), {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}})), ()),
    "choice_allowed": (plain(MATRIX["choice_named"]), ()),
    "arguments_empty": (told(HELLO, called({"id": "call_2", "type": "function", "function": {"name": "get_time", "arguments": "{}"}}), result("call_2", "9"), tools=MATRIX["arguments_empty"]["tools"]), ()),
    "legacy_functions": (told(tools=[WEATHER], tool_choice="auto"), ()),
    "format_text": (told(), ()),
    "stop_string": (told(stop=["END"]), ()),
    "signed_by_anthropic": (SIGNED, ()),
    "signed_by_google": (SIGNED, ()),
    "redacted_by_anthropic": (told(HELLO, {"role": "assistant", "content": "Hi"}, user("And?")), ()),
    "cache_system": (told({"role": "system", "content": "A long text."}, HELLO), ("messages[0].content[0].cache_control",)),
    "cache_user": (told(user(text("A long text."), text("A question."))), ("messages[0].content[0].cache_control",)),
    "cache_tool": (told(tools=[WEATHER]), ("tools[0].cache_control",)),
    "cache_message": (told(user("A long text.")), ("messages[0].content[0].cache_control",)),
}
# fmt: on


def asked(row: dict[str, Any]) -> ChatRequest:
    request = openai_request.read(json.dumps(row).encode())
    assert isinstance(request, ChatRequest)
    return request


def written(row: dict[str, Any], host: Host = ANYTHING) -> tuple[dict[str, Any], tuple[str, ...]]:
    request = asked(row)
    parameters = Parameters(request)
    found = json.loads(write_json(body(request, parameters, host)))
    return found, parameters.dropped()


@pytest.mark.parametrize("name", MATRIX)
def test_every_request_comes_back(name: str) -> None:
    assert written(MATRIX[name]) == CHANGED.get(name, (plain(MATRIX[name]), ()))


def test_a_schema_keeps_its_bytes() -> None:
    data = b'{"messages":[{"role":"user","content":"Hi"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"a": 1.10}}}]}'
    request = openai_request.read(data)
    assert isinstance(request, ChatRequest)
    assert b'{"a": 1.10}' in write_json(body(request, Parameters(request)))


def test_several_tools_that_may_be_called_are_all_that_are_offered() -> None:
    choice = {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "get_weather"}}]},
    }
    found, dropped = written(ask(tools=[*MATRIX["tools"]["tools"]], tool_choice=choice))
    assert (found["tools"], found["tool_choice"], dropped) == ([WEATHER], "auto", ())


def test_a_host_that_knows_one_limit_gets_it_under_that_name() -> None:
    assert written(MATRIX["both_limits"], Host(limit="max_tokens")) == (told(max_tokens=200), ())


def test_what_a_host_does_not_take_is_named() -> None:
    host = Host(parameters=frozenset({"tools", "temperature"}), parts=frozenset())
    row = ask(
        user(text("See."), image(f"data:image/png;base64,{PIXEL}")),
        tools=[WEATHER, {"type": "web_search"}],
        tool_choice="required",
        temperature=1,
        reasoning_effort="low",
        response_format={"type": "json_object"},
        stop="END",
    )
    lost = ("tool_choice", "response_format", "stop", "messages[0].content[1]", "tools[1]", "reasoning_effort")
    assert written(row, host) == (told(user("See."), temperature=1, tools=[WEATHER]), lost)


def test_a_host_without_lists_gets_text_save_from_users() -> None:
    host = Host(lists=False)
    parts = [text("One."), text(" Two.")]
    row = ask(
        {"role": "system", "content": parts},
        user(*parts),
        {"role": "assistant", "content": [*parts, image("https://x.example/a.png")]},
    )
    found, dropped = written(row, host)
    assert [message["content"] for message in found["messages"]] == ["One. Two.", parts, "One. Two."]
    assert dropped == ("messages[2].content[2]",)


def test_earlier_reasoning_stays_here_when_a_host_does_not_take_it_back() -> None:
    assert written(MATRIX["reasoning_before"], Host(thinks=False)) == (
        told(HELLO, {"role": "assistant", "content": "Hi"}, user("And?")),
        (),
    )


@pytest.mark.parametrize(
    "said",
    [
        {"reasoning": {"effort": "low"}},
        {"reasoning": {"max_tokens": 100}},
        {"reasoning": {"enabled": False}},
        {"thinking": {"type": "enabled", "budget_tokens": 5, "display": "none"}},
    ],
)
def test_how_much_to_think_is_said_again(said: dict[str, Any]) -> None:
    once = written(ask(**said))[0]
    assert written({"model": "m", **once})[0] == once
    assert len(once) == 2


def test_a_failed_tool_and_a_tool_of_more_members_are_named() -> None:
    row = ask(
        HELLO,
        called(MATRIX["one_call"]["messages"][1]["tool_calls"][0]),
        {**result("call_1", "?"), "is_error": True},
        tools=[{**WEATHER, "defer_loading": True}],
    )
    assert written(row)[1] == ("messages[2].is_error", "tools[0].defer_loading")


def test_a_call_of_a_tool_without_a_schema() -> None:
    call = {"id": "c", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    row = ask(HELLO, called(call), result("c", "a.txt"))
    assert written(row) == (plain(row), ())


def test_sound_at_an_address_keeps_it() -> None:
    row = ask(
        user(
            text("Listen."),
            {"type": "input_audio", "input_audio": {"data": "https://x.example/a.wav", "format": "wav"}},
        )
    )
    assert written(row) == (plain(row), ())
