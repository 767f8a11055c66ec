"""A chat request in the words of Responses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anthropic_caller_requests import read as read_claude
from penstock.core.chat import ChatRequest
from penstock.core.failure import Failure
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.openai.caller.request import read as read_chat
from penstock.dialects.responses.provider.request import write
from penstock.traits.resolve import resolve

HI = [{"role": "user", "content": "hi"}]
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def context(model: str) -> WriteContext:
    return WriteContext(model, "openai", resolve(model, "openai"))


def chat(**members: Any) -> ChatRequest:
    request = read_chat(json.dumps({"model": "m", "messages": HI, **members}).encode())
    assert isinstance(request, ChatRequest), request
    return request


def sent(request: ChatRequest, model: str = "gpt-5-pro") -> tuple[dict[str, Any], tuple[str, ...]]:
    payload = write(request, context(model))
    assert isinstance(payload, Payload), payload
    return json.loads(payload.body), payload.dropped


def test_nothing_is_kept_and_thoughts_come_encrypted() -> None:
    body, dropped = sent(chat(max_tokens=9, stream=True))
    assert body == {
        "model": "gpt-5-pro",
        "input": [{"role": "user", "content": "hi"}],
        "max_output_tokens": 9,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "stream": True,
    }
    assert dropped == ()


def test_the_form_of_the_answer() -> None:
    schema = {"name": "n", "schema": {"type": "object"}, "strict": True, "description": "d"}
    body, _ = sent(chat(response_format={"type": "json_schema", "json_schema": schema}, verbosity="low"))
    assert body["text"] == {"format": {"type": "json_schema", **schema}, "verbosity": "low"}
    body, _ = sent(chat(response_format={"type": "json_object"}))
    assert body["text"] == {"format": {"type": "json_object"}}


def test_what_a_model_that_thinks_refuses_is_named() -> None:
    body, dropped = sent(chat(temperature=0.5, top_p=1, reasoning_effort="high", n=2, seed=3, stop=["x"]))
    assert body["reasoning"] == {"effort": "high"}
    assert "temperature" not in body
    assert "top_p" not in body
    assert sorted(dropped) == ["n", "seed", "stop", "temperature"]


def test_a_model_that_does_not_think() -> None:
    body, dropped = sent(
        chat(temperature=0.5, logprobs=True, top_logprobs=2, service_tier="flex", metadata={"a": "b"}, store=True),
        "gpt-4.1",
    )
    assert (body["temperature"], body["top_logprobs"], body["include"]) == (0.5, 2, ["message.output_text.logprobs"])
    assert (body["service_tier"], body["metadata"], body["store"]) == ("flex", {"a": "b"}, True)
    assert dropped == ()


def test_a_summary_for_who_reads_thoughts() -> None:
    thinking = {"type": "enabled", "budget_tokens": 4000}
    body, _ = sent(read_claude(thinking=thinking))
    assert body["reasoning"]["summary"] == "auto"
    body, _ = sent(read_claude(thinking={**thinking, "display": "omitted"}))
    assert "summary" not in body.get("reasoning", {})


def test_a_request_without_anything_to_say() -> None:
    failure = write(chat(messages=[{"role": "user", "content": []}]), context("gpt-5-pro"))
    assert isinstance(failure, Failure)
    assert failure.param == "messages"


@pytest.mark.parametrize("choice", ["auto", {"type": "function", "function": {"name": "f"}}])
def test_tools_go_along(choice: Any) -> None:
    body, _ = sent(chat(tools=[FUNCTION], tool_choice=choice, parallel_tool_calls=True))
    assert body["tools"][0]["strict"] is False
    assert body["parallel_tool_calls"] is True
    assert body["tool_choice"] == ("auto" if choice == "auto" else {"type": "function", "name": "f"})


def test_a_tool_that_nobody_knows() -> None:
    other = {"type": "function", "function": {"name": "g"}}
    failure = write(chat(tools=[FUNCTION], tool_choice=other), context("gpt-5-pro"))
    assert isinstance(failure, Failure)
