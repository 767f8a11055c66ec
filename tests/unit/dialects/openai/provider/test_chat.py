"""Requests of other wires at hosts of OpenAI's: documented parameters, the host's quirks, the model's limits."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from penstock.core.body import Body
from penstock.core.chat import (
    ChatRequest,
    Format,
    Message,
    NativeTool,
    Reasoning,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCall,
    ToolChoice,
)
from penstock.core.failure import Failure
from penstock.core.traits import ANY_MODEL, Traits
from penstock.dialects.anthropic.caller.request import WORDING
from penstock.dialects.chat_quirks import ENABLE_THINKING, NO_QUIRKS, ChatQuirks, Drop, Rename
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.openai.provider.chat import DIALECT
from penstock.dialects.registry import DIALECTS

HELLO: Final = Message("user", (TextPart("hello"),), path="messages[0]")
THINKS: Final = Traits(
    "f", thinking="effort", efforts={"low": "low", "high": "high", "xhigh": "high"}, thinks_unasked=True
)


def write(
    *messages: Message,
    quirks: ChatQuirks = NO_QUIRKS,
    traits: Traits = ANY_MODEL,
    stream: bool = False,
    **parameters: Any,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    request = ChatRequest("asked", messages or (HELLO,), parameters, stream, WORDING)
    payload = DIALECT.write(request, WriteContext("m", "unit", traits, quirks=quirks))
    assert isinstance(payload, Payload), payload
    return json.loads(payload.body), payload.dropped


def test_it_is_registered() -> None:
    assert DIALECTS["openai_chat"] is DIALECT


def test_a_plain_request() -> None:
    body, dropped = write(
        max_completion_tokens=5, stop=["E"], temperature=0.5, user="u", service_tier="standard_only", odd=1
    )
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": 5,
        "temperature": 0.5,
        "user": "u",
        "stop": ["E"],
    }
    assert dropped == ("service_tier", "odd")
    assert write(service_tier="auto")[0]["service_tier"] == "auto"


def test_a_stream_tells_its_usage() -> None:
    assert write(stream=True)[0]["stream_options"] == {"include_usage": True}
    body, dropped = write(stream=True, quirks=ChatQuirks(drops=(Drop("stream_options", "r", "l"),)))
    assert body["stream"] is True
    assert "stream_options" not in body
    assert dropped == ()


def test_the_hosts_quirks() -> None:
    def adapt(body: Body) -> Body:
        return body.replaced({"adapted": b"true"})

    quirks = ChatQuirks((Rename("max_tokens", "limit", "r", "l"),), (Drop("stop", "r", "l"),), adapts_request=adapt)
    body, dropped = write(max_completion_tokens=5, stop=["E"], quirks=quirks)
    assert (body["limit"], body["adapted"]) == (5, True)
    assert dropped == ("stop_sequences",)


def test_the_models_limits() -> None:
    traits = Traits("f", max_completion_tokens=True, refuses=frozenset({"temperature"}))
    body, dropped = write(
        max_completion_tokens=5, temperature=0.7, quirks=ChatQuirks(applies_model_limits=True), traits=traits
    )
    assert body["max_completion_tokens"] == 5
    assert dropped == ("temperature",)
    assert write(max_completion_tokens=5, quirks=ChatQuirks(developer_role=True))[0]["max_completion_tokens"] == 5


@pytest.mark.parametrize(
    ("asked", "traits", "effort"),
    [
        (Reasoning("max"), ANY_MODEL, "high"),
        (Reasoning("xhigh"), THINKS, "xhigh"),
        (Reasoning("low"), THINKS, "low"),
        (Reasoning("", 1500, True, {"type": "enabled"}), THINKS, "low"),
        (Reasoning("", 9000, True), THINKS, "medium"),
        (Reasoning("", 90_000, True), THINKS, "high"),
        (Reasoning("", None, True, {"type": "adaptive"}), THINKS, None),
        (Reasoning("", None, False, {"type": "disabled"}), THINKS, "none"),
        (Reasoning("", None, False), Traits("f", thinking="effort"), None),
        (Reasoning("high"), Traits("f"), None),
    ],
)
def test_how_much_to_think(asked: Reasoning, traits: Traits, effort: str | None) -> None:
    body, dropped = write(reasoning=asked, traits=traits)
    assert body.get("reasoning_effort") == effort
    assert "thinking" not in body
    assert dropped == ()


def test_thinking_by_a_switch() -> None:
    quirks = ChatQuirks(applies_model_limits=True, thinking=ENABLE_THINKING)
    traits = Traits("f", thinking="switch", thinks_unasked=True)
    assert write(reasoning=Reasoning("", None, False), quirks=quirks, traits=traits)[0]["enable_thinking"] is False


def test_a_schema_without_a_name_gets_one() -> None:
    body, _ = write(response_format=Format("json_schema", schema=b'{"type":"object"}'))
    assert body["response_format"]["json_schema"]["name"] == "answer"


def test_tools() -> None:
    body, dropped = write(
        tools=(Tool("f", extras={"defer_loading": True}),), tool_choice=ToolChoice("required", ("f",))
    )
    assert body["tools"] == [{"type": "function", "function": {"name": "f"}}]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert dropped == ("defer_loading",)


def test_a_choice_among_no_tools() -> None:
    native = NativeTool("odd_20250101", {"type": "odd_20250101", "name": "odd"}, "anthropic")
    body, dropped = write(tools=(native,), tool_choice=ToolChoice("required"), parallel_tool_calls=False)
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & body.keys()
    assert dropped == ("tools[0]", "tool_choice")
    assert write(tool_choice=ToolChoice("auto"))[1] == ()
    request = ChatRequest(
        "m", (HELLO,), {"tools": (native,), "tool_choice": ToolChoice("required", ("odd",))}, wording=WORDING
    )
    failure = DIALECT.write(request, WriteContext("m"))
    assert isinstance(failure, Failure)
    assert failure.param == "tool_choice"


def test_an_answer_in_wire_order_is_sorted() -> None:
    parts = (ToolCall("a", "f", "{}"), TextPart("x"), ReasoningPart("hm"), ReasoningPart("t", "sig", "", "anthropic"))
    body, _ = write(HELLO, Message("assistant", parts, path="messages[1]"))
    assert body["messages"][1] == {
        "role": "assistant",
        "content": "x",
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        "reasoning_content": "hm",
    }
