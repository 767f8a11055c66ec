"""Chat completions and their chunks for tests of forms: hand-made ones, and any that hypothesis makes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from penstock.dialects.framing import sse
from penstock.dialects.openai.relay.gather import to_plain

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "prompt_tokens_details": {"cached_tokens": 1}}
DONE = b"data: [DONE]\n\n"


def completion(message: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    told = {"role": "assistant", "content": "Hello", "refusal": None, **(message or {})}
    choice = {"index": 0, "message": told, "logprobs": None, "finish_reason": "stop"}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "m-1"}
    return {**body, "choices": [choice], "usage": USAGE, **members}


def event(**members: Any) -> bytes:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **members}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def said(delta: dict[str, Any] | None, finish: str | None = None, index: int = 0, **members: Any) -> bytes:
    return event(choices=[{"index": index, "delta": delta, "finish_reason": finish, **members}])


def called(index: int | None, **members: Any) -> bytes:
    return said({"tool_calls": [{"index": index, **members}]})


END = said({}, "stop") + event(choices=[], usage=USAGE) + DONE
HI = said({"content": "Hi"})
CALLED = {"name": "f", "arguments": "{}"}


def plain(*events: bytes) -> dict[str, Any]:
    """The plain reply for a stream that ends well."""
    reply = to_plain(b"".join(events) + END)
    assert reply is not None
    ChatCompletion.model_validate_json(reply)
    value: dict[str, Any] = json.loads(reply)
    return value


def message(*events: bytes) -> dict[str, Any]:
    value: dict[str, Any] = plain(*events)["choices"][0]["message"]
    return value


def chunks(stream: bytes) -> list[dict[str, Any]]:
    return [json.loads(data) for _, data in sse.events(stream) if data != b"[DONE]"]


TEXT = st.text(max_size=1200) | st.text("ab😀é\u2028\r\n\u0301", max_size=600)
VALUE = st.recursive(
    st.none() | st.integers() | st.booleans() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
UNKNOWN = st.dictionaries(st.sampled_from(["provider", "x_groq", "citations", "annotations"]), VALUE, max_size=2)
FUNCTION = st.fixed_dictionaries({"name": st.text("fg", max_size=4), "arguments": TEXT})
CUSTOM = st.fixed_dictionaries({"name": st.just("c"), "input": TEXT})
CALL = st.fixed_dictionaries(
    {"id": st.text("abc_1", max_size=6), "type": st.just("function"), "function": FUNCTION},
    optional={"extra_content": VALUE},
) | st.fixed_dictionaries({"id": st.text("abc_1", max_size=6), "type": st.just("custom"), "custom": CUSTOM})
TOKEN = st.fixed_dictionaries({"token": st.text(max_size=2), "logprob": st.just(-0.5), "top_logprobs": st.just([])})
TOKENS = st.none() | st.lists(TOKEN, max_size=3)
LOGPROBS = st.none() | st.fixed_dictionaries({"content": TOKENS, "refusal": TOKENS})
AUDIO = st.just({"id": "audio_1", "data": "AAAA", "transcript": "Hi", "expires_at": 1700000000})
MESSAGE = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.none() | TEXT | st.just([{"type": "text", "text": "Hi"}])},
    optional={
        "refusal": st.none() | TEXT,
        "reasoning_content": st.none() | TEXT,
        "reasoning": st.none() | TEXT,
        "tool_calls": st.none() | st.lists(CALL, max_size=3),
        "function_call": st.none() | st.just({"name": "f", "arguments": '{"x":1}'}),
        "audio": st.none() | AUDIO,
        "annotations": VALUE,
        "thought": VALUE,
    },
).filter(lambda told: told["content"] != "" or not (told.get("tool_calls") or told.get("function_call")))
"""Every message, save one with calls and the text "": a stream can't tell it from one without text."""
CHOICE = st.builds(
    lambda unknown, choice: {**unknown, **choice},
    UNKNOWN,
    st.fixed_dictionaries(
        {"message": MESSAGE, "finish_reason": st.sampled_from(["stop", "length", "tool_calls"])},
        optional={"logprobs": LOGPROBS, "content_filter_results": st.just({"hate": {"filtered": False}})},
    ),
)


@st.composite
def completions(draw: st.DrawFn) -> dict[str, Any]:
    indexes = sorted(draw(st.sets(st.integers(0, 5), min_size=1, max_size=3)))
    choices = [{"index": index, **draw(CHOICE)} for index in indexes]
    return {**completion(), "system_fingerprint": draw(st.none() | st.just("fp")), **draw(UNKNOWN), "choices": choices}


def damaged(value: Any, data: st.DataObject) -> Any:
    """The value with another one somewhere inside of it."""
    if not isinstance(value, dict | list) or not value or data.draw(st.integers(0, 4)) == 0:
        return data.draw(VALUE)
    key, inner = data.draw(st.sampled_from(list(value.items() if isinstance(value, dict) else enumerate(value))))
    other = value.copy()
    other[key] = damaged(inner, data)
    return other
