"""Bodies as the messages of OpenTelemetry's conventions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.observe.telemetry.messages import input_messages, output_messages, system_instructions

HI = [{"type": "text", "content": "Hi"}]
CALL = {"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}}
OPENAI_CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


def message(role: str, *parts: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "parts": list(parts), **more}


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({"messages": [{"role": "user", "content": "Hi"}]}, [message("user", *HI)]),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "image_url"}]}]},
            [message("user", *HI, {"type": "image_url"})],
        ),
        ({"messages": [{"role": "assistant", "content": None, "tool_calls": [OPENAI_CALL]}]}, [message("assistant", CALL)]),
        (
            {"messages": [{"role": "tool", "tool_call_id": "c1", "content": "9"}]},
            [message("tool", {"type": "tool_call_response", "id": "c1", "response": "9"})],
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "9"}]}]},
            [message("user", {"type": "tool_call_response", "id": "c1", "response": "9"})],
        ),
        ({"contents": [{"role": "model", "parts": [{"text": "Hi"}]}]}, [message("assistant", *HI)]),
        ({"input": "Hi"}, [message("user", *HI)]),
        ({"input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]}, [message("user", *HI)]),
        ({"input": [{"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a": 1}'}]}, [message("user", CALL)]),
        ({"prompt": "Hi"}, [message("user", *HI)]),
    ],
)  # fmt: skip
def test_requests_of_many_wires(body: dict[str, Any], messages: list[Any]) -> None:
    assert input_messages(json.dumps(body)) == messages


@pytest.mark.parametrize("name", ["system", "instructions", "systemInstruction"])
def test_instructions_beside_messages(name: str) -> None:
    value: Any = {"parts": [{"text": "Hi"}]} if name == "systemInstruction" else "Hi"
    assert system_instructions(json.dumps({name: value})) == HI
    assert system_instructions("{}") == []


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        (
            {"choices": [{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "length"}]},
            [message("assistant", *HI, finish_reason="length")],
        ),
        (
            {"content": [{"type": "text", "text": "Hi"}, {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}],
             "role": "assistant", "stop_reason": "tool_use"},
            [message("assistant", *HI, CALL, finish_reason="tool_use")],
        ),
        (
            {"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}],
             "status": "completed"},
            [message("assistant", *HI, finish_reason="completed")],
        ),
        (
            {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]},
            [message("assistant", *HI, finish_reason="STOP")],
        ),
        ({"message": {"role": "assistant", "content": "Hi"}}, [message("assistant", *HI, finish_reason="stop")]),
    ],
)  # fmt: skip
def test_answers_of_many_wires(body: dict[str, Any], messages: list[Any]) -> None:
    assert output_messages(json.dumps(body)) == messages


def stream(*events: Any) -> str:
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("events", "messages"),
    [
        (
            [{"choices": [{"delta": {"role": "assistant", "content": text}}]} for text in "Hi"]
            + [{"choices": [{"delta": {}, "finish_reason": "stop"}]}],
            [message("assistant", *HI, finish_reason="stop")],
        ),
        (
            [{"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": ""}}]}}]},
             {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": '{"a": 1}'}}]}}]}],
            [message("assistant", CALL, finish_reason="stop")],
        ),
        (
            [{"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}},
             {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}],
            [message("assistant", *HI, finish_reason="end_turn")],
        ),
        (
            [{"type": "response.output_text.delta", "delta": "Hi"}, {"type": "response.reasoning.delta", "delta": "no"}],
            [message("assistant", *HI, finish_reason="stop")],
        ),
        ([{"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]}], [message("assistant", *HI, finish_reason="stop")]),
    ],
)  # fmt: skip
def test_streams_of_many_wires(events: list[Any], messages: list[Any]) -> None:
    assert output_messages(stream(*events)) == messages


def test_what_is_no_json_is_one_text() -> None:
    cut = '{"messages": [{"role": "us'
    assert input_messages(cut) == [message("user", {"type": "text", "content": cut})]
    assert output_messages("plain") == [
        message("assistant", {"type": "text", "content": "plain"}, finish_reason="stop")
    ]
    assert (input_messages(""), output_messages("")) == ([], [])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "messages role content type text tool_calls function choices delta message index id name parts candidates "
                "output input system finish_reason arguments".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(_JSON, st.booleans())
@example({"choices": [{"delta": {"tool_calls": 5}}]}, True)
@example({"choices": [{"delta": {"tool_calls": [5, {"index": [], "id": 3, "function": "f"}]}}]}, True)
@example({"choices": [{"delta": {"content": [{"type": "text", "text": 3}]}}]}, True)
@example({"messages": [{"tool_calls": [{"function": {"arguments": "\ud800"}}]}]}, False)
def test_any_json_is_read(value: Any, is_stream: bool) -> None:
    body = stream(value) if is_stream else json.dumps(value)
    for read in (system_instructions, input_messages, output_messages):
        json.dumps(read(body))
