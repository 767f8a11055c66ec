"""What clients send back of an answer, as hosts take it that refuse members of a message which they don't know."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.body import Body
from penstock.dialects.openai.relay.assistant_extras import blocks_as_content, reasoning_as
from penstock.dialects.openai.relay.normalize import normalize_reply
from penstock.providers.registry import PROVIDERS

ANSWER = {
    "role": "assistant", "content": "It rains.", "refusal": None, "annotations": [], "audio": None,
    "function_call": None, "reasoning_content": "Let me see.",
    "reasoning_details": [{"type": "reasoning.text", "text": "Let me see."}],
    "content_blocks": [{"index": 0, "delta": {"text": "It rains."}}], "extra_content": {"a": 1},
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}  # fmt: skip


def sent(slug: str, *messages: Any) -> list[Any]:
    adapts_request = PROVIDERS[slug].quirks.adapts_request
    assert adapts_request is not None
    body = adapts_request(Body.parse(json.dumps({"model": "m", "messages": messages}).encode()))
    read: dict[str, Any] = json.loads(body.encode())
    return list(read["messages"])


@pytest.mark.parametrize(
    ("slug", "name"), [("cerebras", "reasoning"), ("groq", "reasoning"), ("fireworks-ai", "reasoning_content")]
)
def test_an_answer_comes_back_as_the_host_knows_it(slug: str, name: str) -> None:
    kept = {"role": "assistant", "content": "It rains.", "tool_calls": ANSWER["tool_calls"], name: "Let me see."}
    assert sent(slug, ANSWER) == [kept]
    own = {key: value for key, value in ANSWER.items() if key != "reasoning_content"} | {"reasoning": "Let me see."}
    assert sent(slug, own) == [kept]


def test_what_says_something_stays() -> None:
    said = {"role": "assistant", "content": None, "refusal": "No.", "audio": {"id": "a1"}}
    assert sent("groq", said) == [said]


@pytest.mark.parametrize("slug", ["cerebras", "databricks", "mistral-ai"])
def test_half_a_character_is_no_reason_to_fail(slug: str) -> None:
    for name in ("reasoning_content", "reasoning", "content_blocks", "annotations", "content"):
        assert sent(slug, {"role": "assistant", name: "\ud800", "refusal": None})


def test_only_answers_are_changed() -> None:
    others = [
        {"role": "user", "content": "reasoning_content", "annotations": [1]},
        {"role": "tool", "tool_call_id": "c1", "content": "x", "reasoning": "y"},
        {"content": "no role", "refusal": None},
    ]
    assert sent("groq", *others) == others


def test_databricks_gets_its_blocks_back_and_nobody_elses() -> None:
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm", "signature": "s=="}]}
    blocks = [thought, {"type": "text", "text": "Hi"}]
    given = {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": blocks}}],
    }
    message = json.loads(normalize_reply(json.dumps(given).encode()))["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("Hi", "Hm")
    assert sent("databricks", message) == [{"role": "assistant", "content": blocks}]
    foreign = {**message, "content_blocks": [{"type": "thinking", "thinking": "Hm", "signature": "s=="}]}
    assert sent("databricks", foreign) == [{"role": "assistant", "content": "Hi"}]
    without = {"role": "assistant", "content": "Hi", "reasoning_content": "Hm", "content_blocks": 5}
    assert sent("databricks", without) == [{"role": "assistant", "content": "Hi"}]


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m"}', b'{"messages": [ {"role" : "user"} ]}', b'{"messages":"reasoning","reasoning":1}',
        b'{"messages":[5, "reasoning"]}', b'{"messages":{"refusal":null}}',
    ],
)  # fmt: skip
def test_whatever_else_there_is_keeps_its_bytes(body: bytes) -> None:
    for adapt_request in (reasoning_as("reasoning"), blocks_as_content):
        assert adapt_request(Body.parse(body)).encode() == Body.parse(body).encode()


@given(st.lists(st.dictionaries(st.sampled_from([*ANSWER, "name", "x"]), st.none() | st.text() | st.just("assistant"))))
def test_the_rest_of_an_answer_arrives(messages: list[dict[str, Any]]) -> None:
    for before, after in zip(messages, sent("cerebras", *messages), strict=True):
        for name in before.keys() & {"role", "content", "tool_calls", "name", "x"}:
            assert after[name] == before[name]
        assert set(after) <= {*before, "reasoning"}
