"""A call that the caller forces at Ollama, which can't be made to call: the answer is held to the arguments' schema, and
told as a call, plain and streamed, in each caller's wire."""

from __future__ import annotations

import json
from typing import Any, Final

import anthropic
import httpx
import openai
import pytest

from running import RunningGateway
from upstream import Upstream, reply

CITY: Final[dict[str, Any]] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
USER: Final = {"role": "user", "content": "A city"}
FUNCTION: Final = {"type": "function", "function": {"name": "city", "description": "Tells a city", "parameters": CITY}}
OTHER: Final = {"type": "function", "function": {"name": "other", "parameters": CITY}}
NAMED: Final = {"type": "function", "function": {"name": "city"}}


def line(text: str, **more: Any) -> bytes:
    said = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": text}}
    return json.dumps({**said, "done": False, **more}).encode()


DONE: Final = {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}
PLAIN: Final = reply(body=line('{"city": "Rome"}', **DONE))
STREAM: Final = reply(
    body=b"".join([line('{"ci') + b"\n", line('ty": ') + b"\n", line('"Rome"}') + b"\n", line("", **DONE) + b"\n"]),
    content_type="application/x-ndjson",
)


@pytest.fixture
def headers(upstream: Upstream) -> dict[str, str]:
    return {
        "x-portkey-provider": "ollama",
        "x-portkey-custom-host": upstream.url,
        "x-portkey-ollama-api": "native",
    }


def test_openais_sdk_gets_the_call(gateway: RunningGateway, upstream: Upstream, headers: dict[str, str]) -> None:
    with openai.OpenAI(base_url=gateway.v1, api_key="k", default_headers=headers, max_retries=0) as client:
        create: Any = client.chat.completions.create
        asked: dict[str, Any] = {"model": "m", "messages": [USER], "tools": [FUNCTION, OTHER], "tool_choice": NAMED}
        upstream.play(PLAIN)
        raw = client.chat.completions.with_raw_response.create(**asked)
        answer = raw.parse().choices[0]
        assert raw.headers.get("x-penstock-dropped-params") is None
        assert answer.finish_reason == "tool_calls"
        assert answer.message.content is None
        (call,) = answer.message.tool_calls
        assert (call.function.name, json.loads(call.function.arguments)) == ("city", {"city": "Rome"})
        sent = json.loads(upstream.last.body)
        assert sent["format"] == CITY
        assert "tools" not in sent
        assert "Tells a city" in sent["messages"][0]["content"]
        upstream.play(STREAM)
        chunks = [chunk.choices[0] for chunk in create(**asked, stream=True) if chunk.choices]
        calls = [call for chunk in chunks for call in chunk.delta.tool_calls or ()]
        assert (calls[0].function.name, {call.index for call in calls}) == ("city", {0})
        assert json.loads("".join(call.function.arguments or "" for call in calls)) == {"city": "Rome"}
        assert chunks[-1].finish_reason == "tool_calls"
        assert not any(chunk.delta.content for chunk in chunks)


def test_anthropics_sdk_gets_the_call(gateway: RunningGateway, upstream: Upstream, headers: dict[str, str]) -> None:
    tool: Any = {"name": "city", "input_schema": CITY}
    with anthropic.Anthropic(base_url=gateway.url, api_key="k", default_headers=headers, max_retries=0) as client:
        asked: dict[str, Any] = {"model": "m", "max_tokens": 99, "messages": [USER], "tools": [tool]}
        asked["tool_choice"] = {"type": "tool", "name": "city"}
        upstream.play(PLAIN)
        whole = client.messages.create(**asked)
        upstream.play(STREAM)
        with client.messages.stream(**asked) as stream:
            streamed = stream.get_final_message()
    answers: list[Any] = [whole, streamed]
    for message in answers:
        (block,) = message.content
        assert block.type == "tool_use"
        assert (message.stop_reason, block.name, block.input) == ("tool_use", "city", {"city": "Rome"})


@pytest.mark.parametrize(
    "more",
    [
        {"tool_choice": "required", "tools": [FUNCTION, OTHER]},
        {
            "tool_choice": "required",
            "tools": [FUNCTION],
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": CITY}},
        },
    ],
    ids=["several", "a form is asked as well"],
)
def test_what_cannot_be_forced_is_named(
    more: dict[str, Any], gateway: RunningGateway, upstream: Upstream, headers: dict[str, str]
) -> None:
    upstream.play(PLAIN)
    body = {"model": "m", "messages": [USER], **more}
    answer = httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=headers, timeout=300)
    assert answer.status_code == 200
    assert answer.headers["x-penstock-dropped-params"] == "tool_choice"
    assert len(json.loads(upstream.last.body)["tools"]) == len(more["tools"])
