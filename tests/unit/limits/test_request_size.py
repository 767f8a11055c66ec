"""The size of a request, read from its body."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.body import Body
from penstock.limits.estimate import RequestSize, read_count
from penstock.limits.request_size import plain_size, size_of_request


def measured(exact: bool = True, **members: Any) -> RequestSize:
    return size_of_request(Body.parse(json.dumps(members).encode()), exact=exact)


def user(content: Any) -> list[Any]:
    return [{"role": "user", "content": content}]


def test_a_wire_whose_names_are_not_known_is_never_measured_as_empty() -> None:
    members = {"model": "m", "say": "x" * 100, "stream": True, "max_tokens": 9}
    assert plain_size(Body.parse(json.dumps(members).encode())) is None
    assert measured(False, **members) == RequestSize(102, max_tokens=9)
    assert size_of_request(Body.parse(json.dumps(members).encode()), has_output=False).text_bytes == 0, "no text is due"


def test_embeddings_by_invoke_model_are_not_empty() -> None:
    """A strict budget admits by this size: nothing would be reserved for them."""
    assert measured(inputText="x" * 100).text_bytes == 100
    nova = {"text": {"truncationMode": "END", "value": "x" * 100}}
    assert measured(taskType="SINGLE_EMBEDDING", singleEmbeddingParams=nova).text_bytes == 103
    assert measured(inputImage="aGk=") == RequestSize(0, media={"image": 1})


def test_text_is_counted_in_bytes_of_utf_8() -> None:
    assert measured(messages=user("héé")) == RequestSize(len("user") + 5, 1)
    assert measured(messages=user("x" * 100), system="y" * 10).text_bytes == 4 + 100 + 10
    assert measured(input="word").messages == 1
    assert measured(prompt=[1, 2, 3]).text_bytes == 3, "tokens as numbers"


def test_without_exact_the_bytes_of_the_json_are_counted() -> None:
    body = Body.parse(b'{"model":"m","messages":[{"role":"user","content":"hi"}]}')
    assert size_of_request(body).text_bytes == len('[{"role":"user","content":"hi"}]')
    assert size_of_request(body).messages == 0


def test_tools_and_schemas_are_counted_as_json() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    assert measured(tools=tools).text_bytes == len(json.dumps(tools))
    format_ = {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}
    assert measured(response_format=format_).text_bytes == len(json.dumps(format_))


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 10_000}}, "image"),
        ({"type": "image", "source": {"type": "base64", "data": "A" * 10_000}}, "image"),
        ({"type": "input_audio", "input_audio": {"data": "A" * 10_000, "format": "wav"}}, "audio"),
        ({"type": "file", "file": {"file_id": "f"}}, "file"),
        ({"type": "document", "source": {"type": "base64", "data": "A" * 10_000}}, "file"),
        ({"type": "video_url", "video_url": {"url": "x"}}, "video"),
    ],
)
@pytest.mark.parametrize("exact", [True, False])
def test_media_are_counted_and_their_bytes_are_not(part: dict[str, Any], kind: str, exact: bool) -> None:
    size = measured(exact, messages=user([{"type": "text", "text": "look"}, part, part]))
    assert size.media == {kind: 2}
    assert size.text_bytes < 50


def test_a_type_that_is_written_with_an_escape_is_seen() -> None:
    body = Body.parse(b'{"messages":[{"role":"user","content":[{"type":"image\\u005furl","image_url":{"url":"u"}}]}]}')
    assert size_of_request(body).media == {"image": 1}


def test_a_document_of_text_is_text() -> None:
    part = {"type": "document", "title": "t", "source": {"type": "text", "data": "z" * 500}}
    size = measured(messages=user([part]))
    assert size.media == {}
    assert size.text_bytes > 500


def test_sound_of_an_earlier_answer_is_sound() -> None:
    assert measured(messages=[{"role": "assistant", "audio": {"id": "audio_1"}}]).media == {"audio": 1}


def test_arguments_of_calls_are_counted_as_json() -> None:
    arguments = {"a" * 50: 12345}
    call = {"type": "tool_use", "id": "i", "name": "f", "input": arguments}
    assert measured(messages=[{"role": "assistant", "content": [call]}]).text_bytes >= len(json.dumps(arguments))


@pytest.mark.parametrize(
    ("members", "most", "choices"),
    [
        ({"max_tokens": 5}, 5, 1),
        ({"max_completion_tokens": 6, "n": 3}, 6, 3),
        ({"max_tokens": 5, "max_completion_tokens": 6}, 6, 1),
        ({"max_output_tokens": 7}, 7, 1),
        ({"max_tokens": "5"}, None, 1),
        ({"max_tokens": -1, "n": -1}, None, 1),
        ({"max_tokens": None, "n": 2, "best_of": 4}, None, 4),
    ],
)
def test_the_length_of_the_answer(members: dict[str, Any], most: int | None, choices: int) -> None:
    size = measured(**members)
    assert (size.max_tokens, size.choices) == (most, choices)


@pytest.mark.parametrize(
    "tools",
    [
        [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"type": {}}}}}],
        [{"type": "custom", "name": "c", "format": {"type": "string"}}],
        [{"name": "f", "input_schema": {"type": "object", "properties": {"kind": {"type": ["string", "null"]}}}}],
        [{"name": "f", "description": 'a "type": "web_search" in a text'}],
        [],
    ],
)
def test_the_callers_own_tools_are_plain(tools: list[Any]) -> None:
    """Agents' requests take the fast path through their limits; their size is the same by either way."""
    body = Body.parse(json.dumps({"messages": user("x"), "tools": tools, "max_tokens": 9}).encode())
    size = plain_size(body)
    assert size == (len(json.dumps(user("x"))) + len(json.dumps(tools)), 9, 1)
    assert size_of_request(body) == RequestSize(size[0], max_tokens=9)


@pytest.mark.parametrize(
    "tool",
    [
        b'{"type":"web_search"}',
        b'{"type" : "functions"}',
        b'{"type":"function","type":"web_search"}',
        b'{"\\u0074ype":"web_search"}',
        b'{"type":"\\u0077eb_search"}',
        b'{"type":"computer_20250124","name":"computer"}',
    ],
)
def test_tools_that_may_be_billed_are_not_plain(tool: bytes) -> None:
    body = Body.parse(b'{"messages":[],"tools":[{"type":"function","function":{"name":"f"}},' + tool + b"]}")
    assert plain_size(body) is None


def test_tools_that_the_provider_bills() -> None:
    search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}
    function = {"type": "function", "function": {"name": "f"}}
    plain = {"name": "f", "input_schema": {}}
    assert measured(tools=[search, function, plain]).paid_tools == {"web_search_20250305": 3}
    assert measured(tools=[search, search]).paid_tools == {"web_search_20250305": 6}
    assert measured(tools=[{"type": "web_search"}]).paid_tools == {"web_search": None}
    assert measured(tools=[{"type": "web_search"}], max_tool_calls=4).paid_tools == {"web_search": 4}


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ({"previous_response_id": "r"}, "previous_response_id"),
        ({"conversation": {"id": "c"}}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"previous_response_id": None, "prompt": "text"}, None),
    ],
)
def test_text_that_the_provider_keeps(members: dict[str, Any], name: str | None) -> None:
    assert measured(**members).held_by_provider == name


def test_embeddings_have_no_answer() -> None:
    assert not size_of_request(Body.parse(b'{"input":"x"}'), has_output=False).has_output


@pytest.mark.parametrize(
    "members", [{"messages": None}, {"messages": 5}, {"tools": {}}, {"tools": [1, {"type": 2}]}, {}]
)
def test_odd_bodies_have_a_size(members: dict[str, Any]) -> None:
    for exact in (True, False):
        assert measured(exact, **members).media == {}


@pytest.mark.parametrize("kind", [[], {}, ["text"], 1, None])
def test_a_document_whose_source_has_any_type_has_a_size(kind: Any) -> None:
    part = {"type": "document", "source": {"type": kind, "data": "x"}}
    assert measured(messages=[{"role": "user", "content": [part]}]).media == {"file": 1}


def test_deep_values_are_counted() -> None:
    content: Any = "x" * 1000
    for _ in range(300):
        content = [content]
    assert measured(messages=user(content)).text_bytes >= 1000


TEXTS = st.text(max_size=30)


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), TEXTS), max_size=5), TEXTS)
def test_no_text_is_left_out(turns: list[tuple[str, str]], system: str) -> None:
    messages = [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in turns]
    size = sum(len(text.encode("utf-8", "surrogatepass")) for _, text in turns) + len(system.encode())
    assert measured(messages=messages, system=system).text_bytes >= size


@given(st.integers(-2, 10**20) | st.floats(0, 10**6) | st.booleans() | st.text(max_size=3) | st.none())
def test_numbers_are_those_of_their_json(value: object) -> None:
    assert measured(max_tokens=value, n=value) == RequestSize(
        0, max_tokens=read_count(value), choices=read_count(value) or 1
    )


PNG = "iVBORw0KGgo" + "A" * 10_000


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(
    ("members", "media"),
    [
        ({"messages": [{"role": "user", "content": "look", "images": [PNG, PNG]}]}, {"image": 2}),
        ({"prompt": "look", "images": [PNG], "suffix": "end"}, {"image": 1}),
        (
            {"contents": [{"parts": [{"text": "look"}, {"inlineData": {"mimeType": "image/png", "data": PNG}}]}]},
            {"image": 1},
        ),
        ({"contents": [{"parts": [{"inline_data": {"mime_type": "audio/wav", "data": PNG}}]}]}, {"audio": 1}),
        ({"contents": [{"parts": [{"fileData": {"fileUri": "gs://x"}}]}]}, {"file": 1}),
    ],
)
def test_media_without_a_type(members: dict[str, Any], media: dict[str, int], exact: bool) -> None:
    size = measured(exact, **members)
    assert size.media == media
    assert size.text_bytes < 50


@pytest.mark.parametrize(
    "members",
    [
        {"options": {"num_predict": 9}},
        {"generationConfig": {"maxOutputTokens": 9}},
        {"generation_config": {"max_output_tokens": 9}},
        {"max_tokens": 9, "options": {"num_predict": -1}},
        {"max_tokens": 9, "options": "x"},
    ],
)
def test_limits_within_a_configuration(members: dict[str, Any]) -> None:
    assert measured(False, messages=user("hi"), **members).max_tokens == 9


def test_texts_of_every_wire_are_counted() -> None:
    said: dict[str, Any] = {
        "contents": [{"parts": [{"text": "a" * 9}]}],
        "systemInstruction": {"parts": [{"text": "b" * 9}]},
    }
    assert measured(**said).text_bytes == 18
    assert measured(documents=["a" * 9, {"data": {"text": "b" * 9}}]).text_bytes == 18
    assert measured(texts=["a" * 9], inputs=[{"content": [{"type": "text", "text": "b"}]}]).text_bytes >= 10
    assert measured(format={"type": "object"}).text_bytes == len('{"type": "object"}')
