"""What real clients send and other gateways broke on, each through the real server to a host of another wire
(docs/doors.md#what-clients-send)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx
import pytest

from doors import HOSTS, Door
from running import RunningGateway
from upstream import Upstream, reply

Opens = Callable[..., Door]
USER: Final = {"role": "user", "content": "Hello"}
WEATHER: Final = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL: Final = {"name": "weather", "input_schema": WEATHER}
FUNCTION: Final = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
PNG: Final = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}


@pytest.fixture
def opens(gateway: RunningGateway, upstream: Upstream) -> Iterator[Opens]:
    """Opens a door from a wire to a host."""
    opened: list[Door] = []

    def to(caller: str, target: str, model: str = "", **headers: str) -> Door:
        opened.append(Door(gateway, upstream, caller, target, model, **headers))
        return opened[-1]

    yield to
    for each in opened:
        each.close()


def used(call_id: str = "t1") -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "tool_use", "id": call_id, "name": "weather", "input": {}}]}


def test_a_system_message_within_the_conversation(opens: Opens) -> None:
    conversation = [USER, {"role": "assistant", "content": "Hi"}, USER, {"role": "system", "content": "Be brief."}]
    chat = opens("anthropic", "openai_chat").sent(messages=conversation)["messages"]
    assert chat[-1] == {"role": "system", "content": "Be brief."}
    gemini = opens("anthropic", "gemini").sent(messages=conversation)
    assert "systemInstruction" not in gemini
    assert "<system-reminder>" in json.dumps(gemini["contents"][-1])


def test_thinking_of_a_model_that_cant_think(opens: Opens) -> None:
    door = opens("anthropic", "openai_chat", "gpt-4o-mini")
    assert door.sent(thinking={"type": "adaptive"}).keys() <= {"model", "messages", "max_tokens"}


def test_a_budget_that_is_too_small(opens: Opens) -> None:
    sent = opens("openai_chat", "anthropic").sent(thinking={"type": "enabled", "budget_tokens": 500}, max_tokens=4000)
    assert sent["thinking"]["budget_tokens"] >= 1024


def test_thinking_and_a_forced_tool(opens: Opens) -> None:
    door = opens("openai_chat", "anthropic", "claude-3-7-sonnet-20250219")
    sent = door.sent(reasoning_effort="high", tools=[FUNCTION], tool_choice="required")
    assert sent["tool_choice"] == {"type": "any"}
    assert "thinking" not in sent


def test_empty_texts_in_the_history(opens: Opens) -> None:
    said = {"role": "assistant", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "Hi"}]}
    sent = opens("openai_chat", "anthropic").sent(messages=[USER, said, USER])
    assert '"text":""' not in json.dumps(sent).replace(" ", "")


@pytest.mark.parametrize("content", ["Sunny", [{"type": "text", "text": "Sunny"}], None])
def test_results_of_tools_in_every_form(content: Any, opens: Opens) -> None:
    result = {"type": "tool_result", "tool_use_id": "t1", **({} if content is None else {"content": content})}
    sent = opens("anthropic", "openai_chat").sent(messages=[USER, used(), {"role": "user", "content": [result]}])
    assert sent["messages"][-1] == {"role": "tool", "tool_call_id": "t1", "content": "Sunny" if content else ""}


def test_an_image_in_a_result_follows_as_the_users(opens: Opens) -> None:
    image = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "image", "source": PNG}]}
    door = opens("anthropic", "openai_chat", "gpt-4o-mini", x_portkey_provider="openai")
    *_, result, shown = door.sent(messages=[USER, used(), {"role": "user", "content": [image]}])["messages"]
    assert (result["role"], shown["role"]) == ("tool", "user")
    assert shown["content"][-1]["type"] == "image_url"


def test_schemas_as_clients_write_them(opens: Opens) -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$defs": {"place": {"type": "string"}},
        "type": "object",
        "properties": {"city": {"$ref": "#/$defs/place"}},
        "additionalProperties": False,
    }
    sent = opens("anthropic", "gemini").sent(tools=[{**TOOL, "input_schema": schema}])
    assert "$schema" not in json.dumps(sent["tools"])
    assert "city" in json.dumps(sent["tools"])


def test_limits_of_the_answer(opens: Opens) -> None:
    outcome = opens("responses", "anthropic", "claude-3-haiku-20240307").asked({"max_output_tokens": 64_000})
    assert outcome.sent is not None
    assert json.loads(outcome.sent[1])["max_tokens"] == 4096
    assert "max_output_tokens" in outcome.dropped
    assert opens("responses", "anthropic").sent()["max_tokens"] > 0


def test_what_belongs_to_responses_alone(opens: Opens) -> None:
    sent = opens("responses", "openai_chat").sent(store=False, metadata={"a": "b"}, truncation="auto")
    assert sent.keys() <= {"model", "messages", "metadata"}


def test_names_of_functions_that_a_maker_refuses(opens: Opens) -> None:
    name = "mcp.server/" + "x" * 130
    sent = opens("openai_chat", "anthropic").sent(tools=[{"type": "function", "function": {"name": name}}])
    (tool,) = sent["tools"]
    assert tool["name"].replace("_", "").replace("-", "").isalnum()
    assert len(tool["name"]) <= 128


def test_items_as_clients_keep_them(opens: Opens) -> None:
    items = [
        {"role": "user", "content": "Hello"},
        {"id": "msg_own", "type": "message", "role": "assistant", "status": "completed", "phase": "commentary",
         "content": [{"type": "output_text", "text": "Hi", "annotations": []}]},
        {"id": "rs_1", "type": "reasoning", "summary": [], "content": None},
        {"role": "user", "content": [{"type": "input_text", "text": "And?"}]},
    ]  # fmt: skip
    sent = opens("responses", "openai_chat").sent(input=items)
    assert [each["content"] for each in sent["messages"]] == ["Hello", "Hi", "And?"]


def test_the_output_of_a_custom_tool_as_a_list(opens: Opens) -> None:
    items = [
        {"role": "user", "content": "Run it"},
        {"type": "custom_tool_call", "call_id": "c1", "name": "exec", "input": "ls"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "a.txt"}]},
    ]
    sent = opens("responses", "openai_chat").sent(input=items, tools=[{"type": "custom", "name": "exec"}])
    assert sent["messages"][-1] == {"role": "tool", "tool_call_id": "c1", "content": "a.txt"}


def test_turns_in_any_order(opens: Opens) -> None:
    said = {"role": "assistant", "content": "Hi"}
    sent = opens("openai_chat", "anthropic").sent(messages=[said, USER, said, {**said, "content": "So"}])
    assert "Hi" in json.dumps(sent["messages"])
    assert json.dumps(sent["messages"][-1]).count("So") == 1


@pytest.mark.parametrize("name", [{"name": "Weather"}, {}])
def test_a_result_of_a_function_is_matched_by_its_id(name: dict[str, str], opens: Opens) -> None:
    contents = [
        {"role": "user", "parts": [{"text": "Hello"}]},
        {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": "weather", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"id": "c1", **name, "response": {"output": "Sunny"}}}]},
    ]
    *_, called, result = opens("gemini", "openai_chat").sent(contents=contents)["messages"]
    assert result == {"role": "tool", "tool_call_id": called["tool_calls"][0]["id"], "content": "Sunny"}


def test_sugar_and_emptiness(opens: Opens) -> None:
    gemini = opens("gemini", "openai_chat")
    assert gemini.sent(contents={"parts": [{"text": "Hello"}]})["messages"][0]["content"] == "Hello"
    told = {"role": "user", "parts": [{"text": "Hello"}]}
    assert gemini.sent(contents=[{"role": "model", "parts": []}, told])["messages"][-1]["content"] == "Hello"
    empty = {"role": "assistant", "content": []}
    assert opens("anthropic", "openai_chat").sent(messages=[USER, empty, USER])["messages"][-1]["content"] == "Hello"


def test_a_request_without_a_version(opens: Opens) -> None:
    assert opens("anthropic", "openai_chat").sent()["messages"][0]["content"] == "Hello"


def test_a_web_pages_beacon_is_json(opens: Opens) -> None:
    own = opens("anthropic", "openai_chat", content_type="text/plain;charset=UTF-8", sec_fetch_site="same-origin")
    assert own.sent()["messages"][0]["content"] == "Hello"


def test_a_foreign_pages_beacon_is_refused_in_the_callers_words(opens: Opens) -> None:
    """Any page could send one: it needs no leave of the browser's."""
    page = {"content_type": "text/plain;charset=UTF-8", "origin": "https://evil.example"}
    outcome = opens("anthropic", "openai_chat", **page).asked({})
    assert (outcome.status, outcome.sent) == (403, None)
    assert json.loads(outcome.answer)["type"] == "error"


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v1beta", "/v1beta/", "/api/hello", "/api/version", "/health"])
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_probes_reach_no_provider(method: str, path: str, gateway: RunningGateway, upstream: Upstream) -> None:
    before = len(upstream.received)
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": upstream.url, "authorization": "Bearer k"}
    answer = httpx.request(method, gateway.url + path, headers=headers, timeout=300)
    assert answer.status_code < 500
    assert len(upstream.received) == before


@pytest.mark.parametrize("colon", [":", "%3A", "%3a"])
def test_colons_of_a_models_path(colon: str, gateway: RunningGateway, upstream: Upstream) -> None:
    headers = {
        "x-portkey-provider": "bedrock", "x-portkey-aws-auth-type": "apiKey", "authorization": "Bearer k",
        "x-portkey-custom-host": upstream.url,
    }  # fmt: skip
    upstream.play(
        reply(body=b'{"output":{"message":{"role":"assistant","content":[{"text":"Hi"}]}},"stopReason":"end_turn"}')
    )
    body = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
    answer = httpx.post(
        f"{gateway.url}/model/anthropic.claude-v1{colon}0/converse", json=body, headers=headers, timeout=300
    )
    assert answer.status_code == 200
    assert upstream.last.target.replace("%3A", ":") == "/model/anthropic.claude-v1:0/converse"


ERRORS: Final = {
    "openai_chat": {"error": {"message": "no", "type": "server_error"}},
    "responses": {"id": "r", "object": "response", "status": "failed", "error": {"code": "server_error", "message": "no"}, "output": []},
    "anthropic": {"type": "error", "error": {"type": "overloaded_error", "message": "no"}},
    "gemini": {"error": {"code": 503, "message": "no", "status": "UNAVAILABLE"}},
    "bedrock_converse": {"message": "no"},
    "cohere": {"message": "no"},
    "ollama": {"error": "no"},
}  # fmt: skip


@pytest.mark.parametrize("target", HOSTS)
@pytest.mark.parametrize("caller", HOSTS)
def test_an_error_under_a_good_status(caller: str, target: str, opens: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doors.PLAIN", {target: json.dumps(ERRORS[target]).encode()})
    outcome = opens(caller, target).asked({})
    assert outcome.status >= 400
    assert b"no" in outcome.answer
