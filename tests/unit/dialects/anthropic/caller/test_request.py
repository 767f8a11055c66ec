"""Requests of Anthropic's callers, read into the middle and written again by each provider's dialect."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anthropic_caller_requests import HELLO, MARK, assistant, read, text, user, write, wrong
from penstock.core.body import Body
from penstock.core.chat import (
    ChatRequest,
    Format,
    Message,
    Owner,
    Reasoning,
    TextPart,
)
from penstock.core.failure import Failure, Kind
from penstock.dialects.anthropic.caller.request import read_request
from penstock.dialects.caller import RequestBody
from penstock.dialects.dialect import Payload, WriteContext
from penstock.dialects.envelope import ON_CALL, Block, Envelope, seal
from penstock.dialects.malformed import read_body
from penstock.dialects.registry import CALLERS, DIALECTS
from penstock.traits.resolve import resolve

# What the gateway itself relies on.


def test_the_body_at_its_top_level() -> None:
    found = read_body(b'{"model": "m", "stream": true, "messages": [], "odd": 1e400}')
    assert isinstance(found, RequestBody)
    assert (found.model, found.stream, found.body.raw("odd")) == ("m", True, b"1e400")
    assert CALLERS["anthropic"].reading.body is read_body


@pytest.mark.parametrize(
    ("body", "param", "kind"),
    [
        (b"no", None, Kind.INVALID_JSON),
        (b"[]", None, Kind.INVALID_JSON),
        (b'{"model": ""}', "model", Kind.INVALID_REQUEST),
        (b'{"model": 1}', "model", Kind.INVALID_REQUEST),
        (b'{"messages": {}}', "messages", Kind.INVALID_REQUEST),
        (b'{"stream": "yes"}', "stream", Kind.INVALID_REQUEST),
    ],
)
def test_bodies_that_are_none(body: bytes, param: str | None, kind: Kind) -> None:
    failure = read_body(body)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.param) == (kind, param)


# Parameters.


def test_parameters_by_openais_names() -> None:
    request = read(temperature=0.5, top_p=0.9, top_k=5, stop_sequences=["END"], stream=True, service_tier="auto")
    assert request.stream
    assert request.parameters == {
        "max_completion_tokens": 10,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 5,
        "stop": ["END"],
        "service_tier": "auto",
    }


def test_a_whole_number_may_have_a_point() -> None:
    assert repr(read(max_tokens=10.0).parameters["max_completion_tokens"]) == "10"


def test_who_asks() -> None:
    assert read(metadata={"user_id": "u-1"}).parameters["user"] == "u-1"
    told = read(metadata={"user_id": '{"device": "x"}', "team": 1}).parameters
    assert len(told["user"]) == 32
    assert told["metadata"] == {"team": 1}


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"thinking": {"type": "adaptive"}}, Reasoning("", None, True, {"type": "adaptive"})),
        ({"thinking": {"type": "disabled"}}, Reasoning("", None, False, {"type": "disabled"})),
        ({"thinking": {"type": "between_tools"}}, Reasoning("", None, None, {"type": "between_tools"})),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            Reasoning("", 2000, True, {"type": "enabled", "budget_tokens": 2000}),
        ),
        ({"output_config": {"effort": "max"}}, Reasoning("max")),
    ],
)
def test_how_much_to_think(members: dict[str, Any], expected: Reasoning) -> None:
    assert read(**members).parameters["reasoning"] == expected


def test_thoughts_without_text() -> None:
    assert read(thinking={"type": "adaptive", "display": "omitted"}).hides_thinking
    assert not read(thinking={"type": "adaptive"}).hides_thinking
    assert not read().hides_thinking


def test_an_open_call_without_its_thought_switches_thinking_off() -> None:
    members = {
        "max_tokens": 4000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [
            *HELLO,
            assistant({"type": "tool_use", "id": "a", "name": "f", "input": {}}),
            user({"type": "tool_result", "tool_use_id": "a", "content": "1"}, text("go on")),
        ],
    }
    body, dropped = write("anthropic", "claude-sonnet-4-5", **members)
    assert "thinking" not in body
    assert dropped == ("thinking",)


def test_the_form_of_the_answer_keeps_its_bytes() -> None:
    raw = b'{"messages": [{"role": "user", "content": "x"}], "output_config": {"format": {"type": "json_schema", '
    raw += b'"schema": {"type":  "object"}}, "task_budget": 1}}'
    request = read_request(Body.parse(raw))
    assert isinstance(request, ChatRequest)
    assert request.parameters["response_format"] == Format("json_schema", schema=b'{"type":  "object"}')
    assert request.parameters["output_config"] == {"task_budget": 1}
    older = read(output_format={"type": "json_schema", "schema": {}})
    assert older.parameters["response_format"].schema == b"{}"


def test_edits_of_earlier_thoughts_are_harmless() -> None:
    forget = {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}
    other = {"edits": [*forget["edits"], {"type": "clear_tool_uses_20250919"}]}
    assert "context_management" not in read(context_management=forget).parameters
    assert read(context_management=other).parameters["context_management"] == other


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"system": 1}, "system"),
        ({"system": [{"type": "image", "source": {"type": "url", "url": "https://a"}}]}, "system"),
        ({"max_tokens": "1"}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"temperature": True}, "temperature"),
        ({"stop_sequences": "x"}, "stop_sequences"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format"),
        ({"output_format": 1}, "output_format"),
        ({"response_format": {}}, "response_format"),
        ({"safeguards": {}}, "safeguards"),
        ({"container": "c"}, "container"),
    ],
)
def test_what_is_wrong_is_named_in_the_callers_words(members: dict[str, Any], param: str) -> None:
    assert wrong(**members) == param


def test_the_standing_prompt() -> None:
    billing = text("x-anthropic-billing-header: cc_version=2")
    assert read(system="Be brief.").parted()[0] == [Message("system", (TextPart("Be brief."),), "", "system")]
    joined = read(system=[billing, text("A"), text("B")]).parted()[0][0]
    assert joined.parts == (TextPart("A\n\nB"),)
    marked = read(system=[text("A", cache_control=MARK), text("B")]).parted()[0][0]
    assert marked.parts == (TextPart("A", MARK), TextPart("B"))
    assert read(system=[billing]).parted()[0] == []


# There and back: Anthropic's own provider side says what the caller said.


def test_a_request_comes_back_as_it_was() -> None:
    given = {
        "system": [text("S", cache_control=MARK)],
        "tools": [
            {"name": "f", "description": "d", "input_schema": {"type": "object"}, "cache_control": MARK},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u"},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "max_tokens": 4000,
        "messages": [
            user(
                text("look", cache_control=MARK),
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {
                    "type": "document",
                    "source": {"type": "url", "url": "https://a/b"},
                    "title": "T",
                    "citations": {"enabled": True},
                },
            ),
            assistant(
                {"type": "thinking", "thinking": "t", "signature": "s"},
                text("ok"),
                {"type": "tool_use", "id": "a", "name": "f", "input": {"n": 1}},
            ),
            user(
                {"type": "tool_result", "tool_use_id": "a", "content": "42", "is_error": True},
                text("and now"),
            ),
        ],
    }
    body, dropped = write("anthropic", "claude-sonnet-4-5", **given)
    assert dropped == ()
    assert body == {"model": "claude-sonnet-4-5", **given}


# What other providers are sent, and what is named.


def test_a_chat_completion() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    body, dropped = write(
        "openai_chat",
        "llama-3.3-70b",
        system=[text("A", cache_control=MARK), text("B", cache_control=MARK)],
        messages=[
            user(text("x", cache_control=MARK)),
            assistant({"type": "tool_use", "id": "a", "name": "f", "input": {"n": 1}}),
            user(
                {"type": "tool_result", "tool_use_id": "a", "content": [text("no"), image], "is_error": True}, text("y")
            ),
            {"role": "system", "content": "z"},
        ],
        tools=[{"name": "f", "input_schema": {"type": "object"}, "cache_control": MARK, "eager_input_streaming": True}],
        stop_sequences=["E"],
        top_k=3,
        stream=True,
        output_config={"format": {"type": "json_schema", "schema": {}}},
        mcp_servers=[{"url": "https://a"}],
    )
    assert body["messages"] == [
        {"role": "system", "content": "A\n\nB"},
        {"role": "user", "content": "x"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"n": 1}'}}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "Error: no"},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "text", "text": "y"},
            ],
        },
        {"role": "system", "content": "z"},
    ]
    assert (body["max_tokens"], body["stop"], body["stream_options"]) == (10, ["E"], {"include_usage": True})
    assert body["response_format"]["json_schema"] == {"name": "answer", "schema": {}}
    assert dropped == ("top_k", "mcp_servers", "cache_control")


@pytest.mark.parametrize(
    ("dialect", "model"),
    [
        ("anthropic", "claude-sonnet-4-5"),
        ("gemini", "gemini-2.5-pro"),
        ("bedrock_converse", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ],
)
def test_a_system_message_in_place_is_a_reminder_of_the_users(dialect: str, model: str) -> None:
    body, dropped = write(dialect, model, messages=[*HELLO, {"role": "system", "content": "z"}], system="S")
    sent = json.dumps(body.get("messages") or body.get("contents"))
    assert "<system-reminder>\\nz\\n</system-reminder>" in sent
    assert dropped == ()


def test_googles_signatures_come_home() -> None:
    call = seal(Envelope(Owner.GOOGLE, "gemini", (Block(signature="c2ln", place=ON_CALL),)))
    body, _ = write(
        "gemini",
        "gemini-3-pro-preview",
        messages=[
            *HELLO,
            assistant(
                {"type": "thinking", "thinking": "", "signature": call},
                {"type": "tool_use", "id": "a", "name": "f", "input": {}},
            ),
            user({"type": "tool_result", "tool_use_id": "a", "content": "1"}),
        ],
    )
    assert body["contents"][1]["parts"][0]["thoughtSignature"] == "c2ln"


# Total: any JSON at all.


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from("type text content source input id name tool_use_id thinking signature data role".split()),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
KIND: Final = st.sampled_from(
    """text image document search_result thinking redacted_thinking tool_use tool_result server_tool_use compaction
    web_search_tool_result odd""".split()
)
BLOCK: Final = st.builds(
    lambda kind, more: {**more, "type": kind},
    KIND,
    st.dictionaries(
        st.sampled_from("text content source input id name tool_use_id thinking signature data title".split()),
        JSON,
        max_size=5,
    ),
)
MESSAGE: Final = st.builds(
    lambda role, content: {"role": role, "content": content},
    st.sampled_from(["user", "assistant", "system"]),
    st.text(max_size=5) | st.lists(BLOCK, max_size=3) | JSON,
)
REQUEST: Final = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGE, min_size=1, max_size=4) | JSON},
    optional={
        name: JSON | st.just({"type": "auto"})
        for name in "system tools tool_choice thinking output_config output_format metadata max_tokens".split()
    },
)


@given(REQUEST)
def test_any_request_is_read_wholed(value: Any) -> None:
    found = read_request(Body.parse(json.dumps(value).encode()))
    if isinstance(found, Failure):
        assert found.status == 400
        return
    for name, dialect in DIALECTS.items():
        for model in ("claude-sonnet-4-5", "gemini-3-pro-preview", "unknown"):
            written = dialect.write(found, WriteContext(model, name, resolve(model, name)))
            assert isinstance(written, Payload | Failure)
