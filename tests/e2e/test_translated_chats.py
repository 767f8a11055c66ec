"""Lane 2 through the real server: what becomes of parameters, errors, breaks, and of what comes back the next turn."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionMessage

from penstock.dialects.anthropic.relay.reshape import to_plain
from running import RunningGateway
from upstream import COMPLETION, DONE, FINISH, Upstream, chunk, events, hang_up, reply, wait_for_hang_up

SIGNATURE = "c2lnbmF0dXJl"
WEATHER: Any = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
THOUGHT = {"type": "thinking", "thinking": "Look it up.", "signature": SIGNATURE}
REDACTED = {"type": "redacted_thinking", "data": "ZW5jcnlwdGVk"}
TEXT = {"type": "text", "text": "Let me see."}
USE = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Rome"}}
MESSAGE: dict[str, Any] = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "stop_sequence": None,
    "content": [THOUGHT, REDACTED, TEXT, USE], "stop_reason": "tool_use",
    "usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 0, "output_tokens": 7},
}  # fmt: skip


def event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


BEGIN = event("message_start", message={**MESSAGE, "content": [], "stop_reason": None})
OPEN = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
HELLO = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello"})
CLOSE = event("content_block_stop", index=0)
STOPPED = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 3}) + event("message_stop")
OVERLOADED = event("error", error={"type": "overloaded_error", "message": "Overloaded"})


def streamed_blocks() -> list[bytes]:
    """The same message as a stream."""
    pieces: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
        ({"type": "thinking", "thinking": "", "signature": ""}, [
            {"type": "thinking_delta", "thinking": "Look "}, {"type": "thinking_delta", "thinking": "it up."},
            {"type": "signature_delta", "signature": SIGNATURE}]),
        (REDACTED, []),
        ({"type": "text", "text": ""}, [{"type": "text_delta", "text": "Let me see."}]),
        ({**USE, "input": {}}, [
            {"type": "input_json_delta", "partial_json": part} for part in ("", '{"city"', ': "Rome"}')]),
    ]  # fmt: skip
    sent = [BEGIN]
    for index, (block, deltas) in enumerate(pieces):
        sent.append(event("content_block_start", index=index, content_block=block))
        sent += [event("content_block_delta", index=index, delta=delta) for delta in deltas]
        sent.append(event("content_block_stop", index=index))
    return [
        *sent,
        event("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 7}),
        event("message_stop"),
    ]


def claude(upstream: Upstream, **more: Any) -> dict[str, Any]:
    return {"provider": "anthropic", "api_key": "sk-a", "custom_host": upstream.url, **more}


def gpt(upstream: Upstream, **more: Any) -> dict[str, Any]:
    return {"provider": "openai", "api_key": "sk-o", "custom_host": f"{upstream.url}/v1", **more}


def headers(config: dict[str, Any]) -> dict[str, str]:
    return {"x-portkey-config": json.dumps(config)}


def body(**more: Any) -> dict[str, Any]:
    return {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 50, **more}


async def post(gateway: RunningGateway, config: dict[str, Any], **more: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=300) as client:
        return await client.post(f"{gateway.v1}/chat/completions", json=body(**more), headers=headers(config))


def good() -> Any:
    return reply(body=json.dumps({**MESSAGE, "content": [TEXT], "stop_reason": "end_turn"}).encode())


async def test_a_request_and_its_answer(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(good())
    found = await post(gateway, claude(upstream), temperature=0.5)
    sent = upstream.last
    assert (sent.method, sent.target) == ("POST", "/messages")
    assert (sent.headers["x-api-key"], sent.headers["anthropic-version"]) == ("sk-a", "2023-06-01")
    assert "authorization" not in sent.headers
    assert sent.json["model"] == "claude-sonnet-4-5"
    assert sent.json["max_tokens"] == 50
    assert found.status_code == 200
    answer = found.json()
    assert answer["id"] == "msg_1"
    assert answer["provider"] == "anthropic"
    assert answer["choices"][0]["message"]["content"] == "Let me see."
    assert answer["usage"]["prompt_tokens"] == 15
    assert "x-penstock-dropped-params" not in found.headers


async def test_what_cant_be_said_is_named(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(good())
    more = {"logit_bias": {"1": 2}, "seed": 7, "n": 1, "frobnicate": True}
    found = await post(gateway, claude(upstream), **more)
    assert found.headers["x-penstock-dropped-params"] == "logit_bias,seed,frobnicate"
    assert not more.keys() & upstream.last.json.keys()


SEARCH: list[dict[str, Any]] = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "code_execution", "input": {}},
    {"type": "code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": {"type": "x"}},
]


async def test_what_an_answer_loses_is_named(gateway: RunningGateway, upstream: Upstream) -> None:
    """Its header names what came before the first word, and all of a plain answer; the record names everything."""
    begun = [event("message_start", message={**MESSAGE, "content": [], "stop_reason": None})]
    ended = [event("message_delta", delta={"stop_reason": "end_turn"}, usage={}), event("message_stop")]
    names = ("answer.server_tool_use", "answer.code_execution_tool_result")
    for stream, blocks in ((False, [*SEARCH, TEXT]), (True, [*SEARCH, TEXT]), (True, [TEXT, *SEARCH])):
        if stream:
            parts = [
                event("content_block_start", index=at, content_block=block) + event("content_block_stop", index=at)
                for at, block in enumerate(blocks)
            ]
            upstream.play(events(*begun, *parts, *ended))
        else:
            upstream.play(reply(body=json.dumps({**MESSAGE, "content": blocks, "stop_reason": "end_turn"}).encode()))
        body = {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "Hello"}], "stream": stream}
        async with httpx.AsyncClient(timeout=300) as client:
            found = await client.post(f"{gateway.url}/api/chat", json=body, headers=headers(claude(upstream)))
        assert found.status_code == 200, found.text
        assert "Let me see." in found.text
        if blocks[-1] is TEXT:
            assert found.headers["x-penstock-dropped-params"] == ",".join(names)
        assert gateway.recorded()[-1].dropped == names


async def test_no_name_becomes_a_header(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(good())
    found = await post(gateway, claude(upstream), **{"a\r\nx-evil: 1": 1, "é,": 2, "": 3})
    assert found.headers["x-penstock-dropped-params"] == "a%0D%0Ax-evil:%201,%C3%A9%2C,"
    assert "x-evil" not in found.headers
    upstream.play(good())
    found = await post(gateway, claude(upstream), **{f"p{number}": 1 for number in range(60)})
    assert found.headers["x-penstock-dropped-params"].endswith(",p49,...")


async def test_what_cant_be_said_can_be_an_error(gateway: RunningGateway, upstream: Upstream) -> None:
    found = await post(gateway, claude(upstream, unsupported_params="reject"), seed=7)
    error = found.json()["error"]
    assert (found.status_code, error["param"], error["type"]) == (400, "seed", "invalid_request_error")
    assert "unsupported_params" in error["message"]
    assert not upstream.received
    found = await post(gateway, claude(upstream, unsupported_params="maybe"))
    assert (found.status_code, found.json()["error"]["param"]) == (400, "config.unsupported_params")


async def test_a_bad_request_never_leaves(gateway: RunningGateway, upstream: Upstream) -> None:
    found = await post(gateway, claude(upstream), messages=[{"role": "wizard", "content": "x"}])
    assert (found.status_code, found.json()["error"]["param"]) == (400, "messages[0].role")
    assert not upstream.received


async def test_an_error_is_told_in_openais_words(gateway: RunningGateway, upstream: Upstream) -> None:
    raw = {"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down"}, "request_id": "req_1"}
    upstream.play(reply(429, json.dumps(raw).encode(), retry_after="7"))
    found = await post(gateway, claude(upstream))
    assert found.status_code == 429
    assert found.headers["retry-after"] == "7"
    assert found.json() == {
        "error": {
            "message": "anthropic error: Slow down", "type": "rate_limit_error", "param": None, "code": None,
            "status_code": 429,
        },
        "message": "anthropic error: Slow down",
        "provider": "anthropic",
        "provider_response": raw,
    }  # fmt: skip


async def test_garbage_in_place_of_an_answer(gateway: RunningGateway, upstream: Upstream) -> None:
    for garbage in (b"<html>", b"{}", b"[1]", b'{"type":"message"', b""):
        upstream.play(reply(body=garbage))
        found = await post(gateway, claude(upstream))
        assert found.status_code == 502, garbage
        assert found.json()["error"]["code"] == "invalid_response"


async def test_an_error_before_the_first_word_falls_back(gateway: RunningGateway, upstream: Upstream) -> None:
    config = {"strategy": {"mode": "fallback"}, "targets": [claude(upstream), gpt(upstream)]}
    overloaded = json.dumps({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}).encode()
    upstream.play(reply(529, overloaded))
    assert (await post(gateway, config)).json()["choices"][0]["message"]["content"] == "Hi"
    upstream.play(events(BEGIN, OVERLOADED))
    found = await post(gateway, config, stream=True)
    assert found.headers["x-portkey-last-used-option-index"] == "config.targets[1]"
    upstream.play(events(BEGIN, OPEN), hang_up)
    found = await post(gateway, config, stream=True)
    assert found.headers["x-portkey-last-used-option-index"] == "config.targets[1]"


async def test_an_error_in_the_middle_ends_the_stream(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(BEGIN, OPEN, HELLO, OVERLOADED))
    text = (await post(gateway, claude(upstream), stream=True)).text
    assert '"content":"Hello"' in text
    last = json.loads(text.strip().split("\n\n")[-1].removeprefix("data: "))
    assert last["error"]["type"] == "overloaded_error"
    assert "[DONE]" not in text


@pytest.mark.parametrize(
    "cut", [[BEGIN, OPEN, HELLO], [BEGIN, OPEN, HELLO, CLOSE], [BEGIN, OPEN, HELLO, CLOSE, STOPPED[:60]]]
)
async def test_a_stream_that_breaks_off_says_so(gateway: RunningGateway, upstream: Upstream, cut: list[bytes]) -> None:
    for ending in ([events(*cut, end=False), hang_up], [events(*cut)]):
        upstream.play(*ending)
        text = (await post(gateway, claude(upstream), stream=True)).text
        last = json.loads(text.strip().split("\n\n")[-1].removeprefix("data: "))
        assert last["error"]["code"] in {"upstream_truncated", "connection_closed"}
        assert "[DONE]" not in text


async def test_a_client_that_leaves_cancels_the_call(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(BEGIN, OPEN, HELLO, end=False), wait_for_hang_up)
    async with (
        httpx.AsyncClient(timeout=300) as client,
        client.stream(
            "POST", f"{gateway.v1}/chat/completions", json=body(stream=True), headers=headers(claude(upstream))
        ) as found,
    ):
        async for line in found.aiter_lines():
            if "Hello" in line:
                break
    upstream.left.get(timeout=60)


async def test_answers_are_cached_in_either_form(gateway: RunningGateway, upstream: Upstream) -> None:
    config = claude(upstream, cache={"mode": "simple", "max_age": 600})
    upstream.play(events(BEGIN, OPEN, HELLO, CLOSE, STOPPED))
    first = await post(gateway, config, stream=True, stream_options={"include_usage": True}, user="cached")
    again = await post(gateway, config, stream=True, stream_options={"include_usage": True}, user="cached")
    plain = await post(gateway, config, user="cached")
    assert [found.headers["x-portkey-cache-status"] for found in (first, again, plain)] == ["MISS", "HIT", "HIT"]
    assert again.content == first.content
    assert plain.json()["choices"][0]["message"]["content"] == "Hello"
    assert plain.json()["usage"]["completion_tokens"] == 3


async def test_strictness_is_part_of_what_is_cached(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(good())
    upstream.play(good())
    config = claude(upstream, cache={"mode": "simple", "max_age": 600})
    strict = await post(gateway, config, user="strict")
    loose = await post(gateway, {**config, "strict_open_ai_compliance": False}, user="strict")
    assert loose.headers["x-portkey-cache-status"] == "MISS"
    assert "content_blocks" not in strict.json()["choices"][0]["message"]
    assert loose.json()["choices"][0]["message"]["content_blocks"] == [TEXT]
    assert loose.json()["choices"][0]["finish_reason"] == "end_turn"


# The next turn.


def client_of(gateway: RunningGateway, config: dict[str, Any]) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=gateway.v1, api_key="none", default_headers=headers(config), max_retries=0)


async def ask_twice(gateway: RunningGateway, first: dict[str, Any], second: dict[str, Any]) -> None:
    """One turn, its message appended as the SDK gave it, the tool's answer, and the next turn."""
    messages: list[Any] = [{"role": "user", "content": "Hello"}]
    wanted: dict[str, Any] = {"model": "claude-sonnet-4-5", "tools": [WEATHER], "max_tokens": 4000}
    async with client_of(gateway, first) as client:
        answer = await client.chat.completions.create(messages=messages, reasoning_effort="low", **wanted)
    message = answer.choices[0].message
    assert message.tool_calls is not None
    messages += [message, {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "Sunny"}]
    async with client_of(gateway, second) as client:
        await client.chat.completions.create(messages=messages, reasoning_effort="low", **wanted)


@pytest.mark.parametrize("strict", [True, False])
async def test_a_turn_goes_back_as_it_came(gateway: RunningGateway, upstream: Upstream, strict: bool) -> None:
    config = claude(upstream, strict_open_ai_compliance=strict)
    upstream.play(reply(body=json.dumps(MESSAGE).encode()))
    upstream.play(good())
    await ask_twice(gateway, config, config)
    _, assistant, result = upstream.last.json["messages"]
    assert assistant == {"role": "assistant", "content": [THOUGHT, REDACTED, TEXT, USE]}
    assert result["content"][0]["tool_use_id"] == "toolu_1"


@pytest.mark.parametrize("strict", [True, False])
async def test_a_streamed_turn_goes_back_as_it_came(gateway: RunningGateway, upstream: Upstream, strict: bool) -> None:
    config = claude(upstream, strict_open_ai_compliance=strict)
    upstream.play(events(*streamed_blocks()))
    upstream.play(good())
    messages: list[Any] = [{"role": "user", "content": "Hello"}]
    wanted: dict[str, Any] = {"model": "claude-sonnet-4-5", "tools": [WEATHER], "max_tokens": 4000}
    async with client_of(gateway, config) as client:
        async with client.chat.completions.stream(messages=messages, reasoning_effort="low", **wanted) as stream:
            completion = await stream.get_final_completion()
        message = completion.choices[0].message
        dumped = ChatCompletionMessage.model_validate(message.model_dump(exclude={"parsed"})).model_dump()
        messages += [dumped, {"role": "tool", "tool_call_id": "toolu_1", "content": "Sunny"}]
        await client.chat.completions.create(messages=messages, reasoning_effort="low", **wanted)
    assert upstream.last.json["messages"][1] == {"role": "assistant", "content": [THOUGHT, REDACTED, TEXT, USE]}


@pytest.mark.parametrize("strict", [True, False])
async def test_a_signature_never_reaches_another_maker(
    gateway: RunningGateway, upstream: Upstream, strict: bool
) -> None:
    first = claude(upstream, strict_open_ai_compliance=strict)
    upstream.play(reply(body=json.dumps(MESSAGE).encode()))
    await ask_twice(gateway, first, gpt(upstream, override_params={"model": "gpt-4o"}))
    sent = upstream.last.body.decode()
    assert SIGNATURE not in sent
    assert REDACTED["data"] not in sent
    assert "Let me see." in sent


# Lane 1 knows models, too.


async def test_a_reasoning_model_gets_its_own_limit(gateway: RunningGateway, upstream: Upstream) -> None:
    await post(gateway, gpt(upstream), model="o3", max_tokens=9)
    assert upstream.last.json["max_completion_tokens"] == 9
    assert "max_tokens" not in upstream.last.json
    await post(gateway, gpt(upstream), model="gpt-4o", max_tokens=9)
    assert upstream.last.json["max_tokens"] == 9


# Gemini signs tool calls, Bedrock hides thoughts: both come back through the SDK as they went.

SIGNED_CALL = {"functionCall": {"name": "get_weather", "args": {"city": "Rome"}}, "thoughtSignature": SIGNATURE}
PLAIN_CALL = {"functionCall": {"name": "get_weather", "args": {"city": "Oslo"}}}
GEMINI = {
    "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [SIGNED_CALL, PLAIN_CALL]}}],
    "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 4, "totalTokenCount": 9}, "modelVersion": "gemini-3-pro",
    "responseId": "r-1",
}  # fmt: skip


def gemini(upstream: Upstream, **more: Any) -> dict[str, Any]:
    return {"provider": "google", "api_key": "k-g", "custom_host": upstream.url, **more}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("streamed", [True, False])
async def test_a_signed_call_of_gemini_goes_back_as_it_came(
    gateway: RunningGateway, upstream: Upstream, strict: bool, streamed: bool
) -> None:
    config = gemini(upstream, strict_open_ai_compliance=strict)
    messages: list[Any] = [{"role": "user", "content": "Hello"}]
    wanted: dict[str, Any] = {"model": "gemini-3-pro-preview", "tools": [WEATHER]}
    async with client_of(gateway, config) as client:
        if streamed:
            upstream.play(events(b"data: %b\r\n\r\n" % json.dumps(GEMINI).encode()))
            async with client.chat.completions.stream(messages=messages, **wanted) as stream:
                message: Any = (await stream.get_final_completion()).choices[0].message
            message = message.model_dump(exclude={"parsed"})
            for call in message["tool_calls"]:
                call["function"].pop("parsed_arguments", None)
            calls = [call["id"] for call in message["tool_calls"]]
        else:
            upstream.play(reply(body=json.dumps(GEMINI).encode()))
            message = (await client.chat.completions.create(messages=messages, **wanted)).choices[0].message
            calls = [call.id for call in message.tool_calls or []]
        assert len(set(calls)) == 2
        results: list[Any] = [
            {"role": "tool", "tool_call_id": call, "content": f"Sunny {n}"} for n, call in enumerate(calls)
        ]
        upstream.play(reply(body=json.dumps(GEMINI).encode()))
        await client.chat.completions.create(messages=[*messages, message, *results], **wanted)
    _, model, answers = upstream.last.json["contents"]
    parts = [{k: v for k, v in part.items() if v} for part in model["parts"]]
    for part, sent in zip(parts, (SIGNED_CALL, PLAIN_CALL), strict=True):
        part["functionCall"].pop("id", None)
        assert part == sent
    answered = [part["functionResponse"]["response"] for part in answers["parts"]]
    assert [json.dumps(each) for each in answered] == ['{"output": "Sunny 0"}', '{"output": "Sunny 1"}']


async def test_a_hidden_thought_of_bedrock_goes_back_as_it_came(gateway: RunningGateway, upstream: Upstream) -> None:
    blocks = [
        {"reasoningContent": {"reasoningText": {"text": "Look it up.", "signature": SIGNATURE}}},
        {"reasoningContent": {"redactedContent": "ZW5jcnlwdGVk"}},
        {"toolUse": {"toolUseId": "tooluse_1", "name": "get_weather", "input": {"city": "Rome"}}},
    ]
    answer = {
        "output": {"message": {"role": "assistant", "content": blocks}}, "stopReason": "tool_use",
        "usage": {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4},
    }  # fmt: skip
    config = {"provider": "bedrock", "api_key": "k-b", "custom_host": upstream.url}
    upstream.play(reply(body=json.dumps(answer).encode()))
    upstream.play(reply(body=json.dumps(answer).encode()))
    override = {"override_params": {"model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0"}}
    await ask_twice(gateway, {**config, **override}, {**config, **override})
    assert upstream.last.json["messages"][1] == {"role": "assistant", "content": blocks}


async def test_tools_that_bedrock_can_not_stream_are_streamed_by_the_gateway(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    call = {"toolUse": {"toolUseId": "tooluse_1", "name": "get_weather", "input": {"city": "Rome"}}}
    answer = {
        "output": {"message": {"role": "assistant", "content": [{"text": "Let me see."}, call]}},
        "stopReason": "tool_use", "usage": {"inputTokens": 3, "outputTokens": 1, "totalTokens": 4},
    }  # fmt: skip
    config = {"provider": "bedrock", "api_key": "k-b", "custom_host": upstream.url}
    upstream.play(reply(body=json.dumps(answer).encode()))
    async with client_of(gateway, config) as client:
        stream = await client.chat.completions.create(
            model="meta.llama3-3-70b-instruct-v1:0", messages=[{"role": "user", "content": "Hello"}], tools=[WEATHER],
            stream=True, stream_options={"include_usage": True},
        )  # fmt: skip
        chunks = [chunk async for chunk in stream]
    assert upstream.last.target.endswith("/converse")
    assert "toolConfig" in upstream.last.json
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == "Let me see."
    made = [part.function for delta in deltas for part in delta.tool_calls or [] if part.function]
    assert "".join(part.name or "" for part in made) == "get_weather"
    assert json.loads("".join(part.arguments or "" for part in made)) == {"city": "Rome"}
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "tool_calls"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 4


@pytest.mark.parametrize(("display", "text"), [("omitted", ""), ("summarized", "Look it up.")])
@pytest.mark.parametrize("streams", [False, True])
async def test_thoughts_of_other_makers_have_no_text_where_the_caller_wants_none(
    gateway: RunningGateway, upstream: Upstream, display: str, text: str, streams: bool
) -> None:
    said = {"content": "Hello", "reasoning_content": "Look it up."}
    completion: dict[str, Any] = COMPLETION
    choice = {**completion["choices"][0], "message": {"role": "assistant", **said}}
    whole = reply(body=json.dumps({**completion, "choices": [choice]}).encode())
    thought, words = chunk({"reasoning_content": said["reasoning_content"]}), chunk({"content": said["content"]})
    upstream.play(events(thought, words, FINISH, DONE) if streams else whole)
    asked = body(model="m", stream=streams, thinking={"type": "adaptive", "display": display})
    async with httpx.AsyncClient(timeout=300) as client:
        found = await client.post(f"{gateway.v1}/messages", json=asked, headers=headers(gpt(upstream)))
    assert found.status_code == 200
    message = json.loads(to_plain(found.content) or b"") if streams else found.json()
    thinking, answer = message["content"]
    assert (thinking["type"], thinking["thinking"]) == ("thinking", text)
    assert thinking["signature"]
    assert (answer["type"], answer["text"]) == ("text", "Hello")
