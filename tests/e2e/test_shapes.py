"""Shapes that clients stumble over, seen through the openai SDK: plain, streamed and by its ``.stream()`` helper."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from running import RunningGateway
from upstream import COMPLETION, DONE, FINISH, ROLE, Act, Upstream, chunk, events, reply, send

HELLO: Any = [{"role": "user", "content": "hi"}]
FUNCTION: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
USAGE = {"prompt_tokens": 19, "completion_tokens": 13, "total_tokens": 32}
ROWS = ["vllm", "openai"]
"""Rows whose replies passed as they were, asked at a custom host."""


def client(gateway: RunningGateway, upstream: Upstream, provider: str, **config: Any) -> openai.OpenAI:
    told = {"provider": provider, "api_key": "k", "custom_host": f"{upstream.url}/v1", **config}
    headers = {"x-portkey-config": json.dumps(told)}
    return openai.OpenAI(api_key="unused", base_url=gateway.v1, default_headers=headers, max_retries=0, timeout=60)


def fragment(*, index: Any = 0, **function: Any) -> dict[str, Any]:
    place = {} if index is None else {"index": index}
    return {**place, "id": "call_a", "type": "function", "function": {"name": "f", **function}}


def called(*fragments: dict[str, Any], content: Any = ...) -> list[bytes]:
    said = {} if content is ... else {"content": content}
    return [chunk({"role": "assistant", **said, "tool_calls": [each]}) for each in fragments]


def headless(delta: dict[str, Any], finish: str | None = None) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"


def choice(**members: Any) -> bytes:
    told = json.loads(chunk({})[6:])
    told["choices"] = [members]
    return b"data: " + json.dumps(told).encode() + b"\n\n"


TEXTS: dict[str, list[bytes]] = {
    "sound": [ROLE, chunk({"content": "Hi"}), FINISH, DONE],
    "no delta": [
        ROLE, chunk({"content": "Hi"}), FINISH,
        choice(index=0, finish_reason=None, content_filter_offsets={"check_offset": 1}), DONE,
    ],
    "a role everywhere": [
        chunk({"role": "assistant", "content": "H"}), chunk({"role": "assistant", "content": "i"}), FINISH, DONE,
    ],
    "an empty role": [chunk({"role": "", "content": "H"}), chunk({"role": "", "content": "i"}), FINISH, DONE],
    "no role": [chunk({"content": "H"}), chunk({"role": None, "content": "i"}), FINISH, DONE],
    "no index and no head": [headless({"content": "H"}), headless({"content": "i"}), headless({}, "stop"), DONE],
    "a message": [
        choice(index=0, message={"role": "assistant", "content": "H"}),
        choice(index=0, message={"content": "i"}), choice(index=0, message={}, finish_reason="stop"), DONE,
    ],
    "a text": [choice(index=0, text="H"), choice(index=0, text="i", finish_reason="stop"), DONE],
    "the whole message at the end": [
        ROLE, chunk({"content": "Hi"}),
        choice(index=0, message={"role": "assistant", "content": "Hi"}, finish_reason="stop"), DONE,
    ],
    "a byte order mark": [b"\xef\xbb\xbf" + ROLE, chunk({"content": "Hi"}), FINISH, DONE],
    "no last empty line": [ROLE, chunk({"content": "Hi"}), FINISH.rstrip(b"\n")],
    "no last empty line of the end": [ROLE, chunk({"content": "Hi"}), FINISH, DONE.rstrip(b"\n")],
    "lines that end otherwise": [
        each.replace(b"\n", b"\r\n") for each in (chunk({"content": "H"}), chunk({"content": "i"}), FINISH, DONE)
    ],
    "comments": [b": hello\n\n", ROLE, b": still here\n\n", chunk({"content": "Hi"}), FINISH, DONE],
}  # fmt: skip
CALLS: dict[str, list[bytes]] = {
    "names everywhere": [*called(*[fragment(arguments=text) for text in ("", '{"x":', '"1"}')]), DONE],
    "no index": [*called(fragment(index=None, arguments='{"x":'), fragment(index=None, arguments='"1"}')), DONE],
    "arguments that are an object": [*called(fragment(arguments={"x": "1"})), DONE],
}
EMPTY_CALLS: dict[str, list[bytes]] = {
    "no arguments": called(fragment(), content=""),
    "empty arguments": called(fragment(arguments="")),
    "null arguments": called(fragment(arguments=None)),
}


@pytest.fixture(params=ROWS)
def sdk(request: pytest.FixtureRequest, gateway: RunningGateway, upstream: Upstream) -> Iterator[openai.OpenAI]:
    with client(gateway, upstream, request.param) as opened:
        yield opened


def streamed(sdk: openai.OpenAI, **asked: Any) -> list[Any]:
    return list(sdk.chat.completions.create(model="m", messages=HELLO, stream=True, **asked))


def helped(sdk: openai.OpenAI, **asked: Any) -> Any:
    with sdk.chat.completions.stream(model="m", messages=HELLO, **asked) as stream:
        return stream.get_final_completion()


@pytest.mark.parametrize("shape", TEXTS)
def test_texts(shape: str, sdk: openai.OpenAI, upstream: Upstream) -> None:
    for _ in range(3):
        upstream.play(events(*TEXTS[shape]))
    chunks = streamed(sdk)
    assert "".join(each.choices[0].delta.content or "" for each in chunks) == "Hi"
    assert [each.choices[0].delta.role for each in chunks if each.choices[0].delta.role] == ["assistant"]
    assert len({each.id for each in chunks}) == 1
    for told in (helped(sdk), sdk.chat.completions.create(model="m", messages=HELLO)):
        assert (told.choices[0].message.role, told.choices[0].message.content) == ("assistant", "Hi")
        assert told.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("shape", [*CALLS, *EMPTY_CALLS])
def test_calls(shape: str, sdk: openai.OpenAI, upstream: Upstream) -> None:
    pieces = CALLS.get(shape) or [*EMPTY_CALLS[shape], DONE]
    for _ in range(2):
        upstream.play(events(*pieces[:-1], chunk({}, "tool_calls"), DONE))
    whole: Any = sdk.chat.completions.create(model="m", messages=HELLO, tools=[FUNCTION])
    for told in (helped(sdk), whole):
        (call,) = told.choices[0].message.tool_calls
        assert (call.id, call.type, call.function.name) == ("call_a", "function", "f")
        assert json.loads(call.function.arguments) == ({"x": "1"} if shape in CALLS else {})


PLAIN: list[dict[str, Any]] = [
    {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]},
    {**COMPLETION, "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]},
    {**COMPLETION, "choices": [{"text": "Hi", "finish_reason": "stop"}]},
    {**COMPLETION, "choices": [{**COMPLETION["choices"][0], "usage": USAGE}], "usage": None},  # type: ignore[index]
    {**COMPLETION, "usage": {"input_tokens": 19, "output_tokens": 13}},
]


@pytest.mark.parametrize("told", PLAIN)
def test_plain_replies(told: dict[str, Any], sdk: openai.OpenAI, upstream: Upstream) -> None:
    upstream.play(reply(body=json.dumps(told).encode()))
    got = sdk.chat.completions.create(model="m", messages=HELLO)
    assert (got.choices[0].index, got.choices[0].message.role) == (0, "assistant")
    assert (got.choices[0].message.content, got.choices[0].finish_reason, got.object) == (
        "Hi",
        "stop",
        "chat.completion",
    )
    if "usage" in told and told["usage"] != COMPLETION["usage"]:
        assert got.usage is not None
        assert (got.usage.prompt_tokens, got.usage.total_tokens) == (19, 32)


def test_sound_bytes_stay(gateway: RunningGateway, upstream: Upstream) -> None:
    """Comments, framing and white space included, streamed and plain, also without members that may be null."""
    last = b'data:  {"id":"c","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[],\n'
    last += b'data: "usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}\n\n'
    stream = [b": hi\n\n", ROLE, b"event: message\nid: 7\n" + chunk({"content": "Hi"}), FINISH, b"\n", last, DONE]
    bare = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    plain = json.dumps({**COMPLETION, "choices": [bare]}, indent=3).encode()
    for provider in ROWS:
        headers = {"x-portkey-provider": provider, "x-portkey-custom-host": f"{upstream.url}/v1"}
        for act, asked, expected in (
            (events(*stream), {"stream": True, "stream_options": {"include_usage": True}}, b"".join(stream)),
            (reply(body=plain), {}, plain),
        ):
            upstream.play(act)
            body = {"model": "m", "messages": HELLO, **asked}
            got = httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=headers, timeout=300)
            assert got.content == expected


TOLD = {
    "in the choice": [ROLE, chunk({"content": "Hi"}), choice(index=0, delta={}, finish_reason="stop", usage=USAGE)],
    "beside the last choice": [ROLE, chunk({"content": "Hi"}), chunk({}, "stop", usage=USAGE)],
    "beside every choice": [ROLE, chunk({"content": "Hi"}, usage={**USAGE, "completion_tokens": 1}), chunk({}, "stop", usage=USAGE)],
    "beside an empty choice": [ROLE, chunk({"content": "Hi"}), FINISH, chunk({}, usage=USAGE)],
    "in x_groq": [ROLE, chunk({"content": "Hi"}), chunk({}, "stop", x_groq={"usage": USAGE})],
    "where it should": [ROLE, chunk({"content": "Hi"}), FINISH, chunk({}, choices=[], usage=USAGE)],
}  # fmt: skip


@pytest.mark.parametrize("place", TOLD)
@pytest.mark.parametrize("provider", ["mistral-ai", "moonshot", "deepseek", "groq", "vllm"])
def test_usage_is_in_a_chunk_of_its_own(place: str, provider: str, gateway: RunningGateway, upstream: Upstream) -> None:
    asked = {"stream_options": {"include_usage": True}}
    with client(gateway, upstream, provider) as sdk:
        for _ in range(3):
            upstream.play(events(*TOLD[place], DONE))
        chunks = streamed(sdk, **asked)
        assert [bool(each.usage) for each in chunks] == [False] * (len(chunks) - 1) + [True]
        assert (chunks[-1].choices, chunks[-1].usage.total_tokens) == ([], 32)
        assert helped(sdk, **asked).usage.total_tokens == 32
        assert sum(each.usage.total_tokens for each in streamed(sdk) if each.usage and not each.choices) in (0, 32)


@pytest.mark.parametrize("provider", ["mistral-ai", "vllm"])
@pytest.mark.parametrize("kept", ["plain", "beside the last choice", "where it should"])
def test_a_stored_answer_tells_its_usage(provider: str, kept: str, gateway: RunningGateway, upstream: Upstream) -> None:
    asked = {"stream_options": {"include_usage": True}}
    with client(gateway, upstream, provider, cache={"mode": "simple", "max_age": 60}) as sdk:
        question: Any = [{"role": "user", "content": f"{provider} {kept} {upstream.url}"}]
        if kept == "plain":
            sdk.chat.completions.create(model="m", messages=question)
        else:
            upstream.play(events(*TOLD[kept], DONE))
            list(sdk.chat.completions.create(model="m", messages=question, stream=True))
        before = len(upstream.received)
        chunks = list(sdk.chat.completions.create(model="m", messages=question, stream=True, **asked))  # type: ignore[call-overload]
        assert [bool(each.usage) for each in chunks] == [False] * (len(chunks) - 1) + [True]
        assert chunks[-1].choices == []
        if kept != "where it should":
            assert len(upstream.received) == before


# The form that wasn't asked for.


def raw(body: bytes, kind: str = "") -> Act:
    field = f"content-type: {kind}\r\n" if kind else ""
    return send(f"HTTP/1.1 200 X\r\n{field}content-length: {len(body)}\r\n\r\n".encode() + body)


KINDS = ["application/json", "text/event-stream", "text/plain; charset=utf-8", ""]


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_reply_to_who_wants_a_stream(kind: str, sdk: openai.OpenAI, upstream: Upstream) -> None:
    body = json.dumps(COMPLETION).encode()
    for _ in range(3):
        upstream.play(raw(body, kind))
    chunks = streamed(sdk)
    assert "".join(each.choices[0].delta.content or "" for each in chunks) == "Hi"
    assert all(each.usage is None for each in chunks)
    assert helped(sdk).choices[0].message.content == "Hi"
    assert streamed(sdk, stream_options={"include_usage": True})[-1].usage.total_tokens == 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_to_who_wants_none(kind: str, sdk: openai.OpenAI, upstream: Upstream) -> None:
    upstream.play(raw(b"".join([ROLE, chunk({"content": "Hi"}), FINISH, DONE]), kind))
    got = sdk.chat.completions.create(model="m", messages=HELLO)
    assert (got.choices[0].message.content, got.choices[0].finish_reason) == ("Hi", "stop")


def test_a_stream_that_nobody_asked_for_and_that_is_cut(sdk: openai.OpenAI, upstream: Upstream) -> None:
    upstream.play(raw(ROLE + chunk({"content": "Hi"}), "text/event-stream"))
    with pytest.raises(openai.APIStatusError) as caught:
        sdk.chat.completions.create(model="m", messages=HELLO)
    assert caught.value.status_code == 502


GEMINI = b'{"candidates":[{"content":{"parts":[{"text":"Hi"}],"role":"model"},"finishReason":"STOP","index":0}]}'
COHERE: list[dict[str, Any]] = [
    {"type": "message-start", "id": "c", "delta": {"message": {"role": "assistant", "content": []}}},
    {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
    {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Hi"}}}},
    *[
        {
            "type": "citation-start", "index": number,
            "delta": {"message": {"citations": {
                "start": number, "end": number + 1, "text": "Hi"[number], "content_index": 0,
                "sources": [{"type": "document", "id": f"doc:{number}", "document": {"id": f"doc:{number}"}}],
            }}},
        }
        for number in (0, 1)
    ],
    {"type": "content-end", "index": 0},
    {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {"tokens": {"input_tokens": 3, "output_tokens": 1}}}},
]  # fmt: skip


def named(told: list[dict[str, Any]]) -> bytes:
    return b"".join(b"event: %s\ndata: %s\n\n" % (each["type"].encode(), json.dumps(each).encode()) for each in told)


@pytest.mark.parametrize("kind", ["", "text/plain", "application/json", "text/event-stream"])
@pytest.mark.parametrize(
    ("provider", "body"), [("google", b"data: " + GEMINI + b"\r\n\r\n"), ("cohere", named(COHERE))]
)
def test_streams_of_other_wires_are_told_by_their_first_bytes(
    provider: str, body: bytes, kind: str, gateway: RunningGateway, upstream: Upstream
) -> None:
    with client(gateway, upstream, provider) as sdk:
        for _ in range(2):
            upstream.play(raw(body, kind))
        assert helped(sdk).choices[0].message.content == "Hi"
        assert sdk.chat.completions.create(model="m", messages=HELLO).choices[0].message.content == "Hi"


def test_two_citations_of_one_block(gateway: RunningGateway, upstream: Upstream) -> None:
    with client(gateway, upstream, "cohere", strict_open_ai_compliance=False) as sdk:
        upstream.play(raw(named(COHERE), "text/event-stream"))
        (block,) = helped(sdk).choices[0].message.content_blocks
    assert block["delta"]["text"] == "Hi"
    assert [cited["text"] for cited in block["delta"]["citations"]] == ["H", "i"]
    assert [cited["sources"][0]["id"] for cited in block["delta"]["citations"]] == ["doc:0", "doc:1"]


def test_lists_that_go_on_have_an_index(sdk: openai.OpenAI, upstream: Upstream) -> None:
    """OpenAI's SDK merges the lists of a stream by index, and refuses objects without one."""
    images = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{n}"}} for n in "AB"]
    upstream.play(events(ROLE, *[chunk({"images": [image]}) for image in images], FINISH, DONE))
    told = helped(sdk).choices[0].message.images
    assert [each["image_url"]["url"][-1] for each in told] == ["A", "B"]
