"""Lane 2: a request in the provider's wire, and its reply back in the caller's, whole, streamed or failed."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import calling
from calling import ANTHROPIC, CHAT, OPENAI, PLAIN, STREAMS, event_stream, json_reply
from fake_reply import FakeReply
from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.dialects.caller import CallerDialect, Caption
from penstock.dialects.framing.frame import MAX_FRAME
from penstock.dialects.registry import DIALECTS
from penstock.pipeline.off_loop.process import aside
from penstock.pipeline.replies import wrapped_reply
from penstock.pipeline.replies.shaped_error import shaped_error
from penstock.pipeline.translate import TranslatedStream, Translation, translate_reply
from penstock.transport.base import Reply, pass_on

BOTH_WAYS = pytest.mark.parametrize(
    ("caller", "host"), [(OPENAI, "anthropic"), (ANTHROPIC, "cerebras")], ids=["openai_chat", "anthropic"]
)
WIRES = {"anthropic": "anthropic", "cerebras": "openai_chat"}
CUT = Failure(Kind.CONNECTION_CLOSED, "Gone", sent=True)


def translation(caller: CallerDialect, host: str, *, streams: bool = False) -> Translation:
    body: dict[str, Any] = {**CHAT, "stream": streams}
    prepared = calling.prepared(calling.call(body, caller), calling.route(calling.target(host)))
    assert prepared.translation is not None
    return prepared.translation


async def read_all(reply: Reply) -> bytes:
    body = b""
    while piece := await reply.read():
        body += piece
    return body


async def translated(reply: Reply, caller: CallerDialect, host: str, *, streams: bool = False) -> tuple[Reply, bytes]:
    told = translate_reply(reply, translation(caller, host, streams=streams), b"trace-1")
    return told, await read_all(told)


def text_of(caller: CallerDialect, body: bytes) -> str:
    reply = json.loads(body)
    text = reply["choices"][0]["message"]["content"] if caller is OPENAI else reply["content"][0]["text"]
    assert isinstance(text, str)
    return text


@BOTH_WAYS
def test_a_request_is_written_in_the_providers_wire(caller: CallerDialect, host: str) -> None:
    request = calling.call(CHAT, caller).request
    assert request is not None
    how = translation(caller, host)
    read = caller.reading.request(request.body)
    assert not isinstance(read, Failure)
    payload = DIALECTS[WIRES[host]].write(read, how.context)
    assert not isinstance(payload, Failure)
    assert json.loads(payload.body)["model"] == "m"


@BOTH_WAYS
def test_a_request_that_can_not_be_read_is_refused(caller: CallerDialect, host: str) -> None:
    request = calling.call({**CHAT, "messages": [{"role": "nobody", "content": "Hi"}]}, caller).request
    assert request is not None
    failure = caller.reading.request(request.body)
    assert isinstance(failure, Failure)
    assert failure.status == 400


@BOTH_WAYS
async def test_a_plain_reply_is_told_in_the_callers_wire(caller: CallerDialect, host: str) -> None:
    reply, body = await translated(json_reply(PLAIN[WIRES[host]]), caller, host)
    assert (reply.status, reply.headers, reply.failure) == (200, [(b"content-type", b"application/json")], None)
    assert text_of(caller, body) == "Hi"
    usage = caller.replies.judge(body, host, True).usage
    assert usage is not None
    assert (usage.prompt, usage.completion) == (3, 2)


@BOTH_WAYS
@pytest.mark.parametrize("size", [7, 10_000])
async def test_a_stream_is_told_in_the_callers_wire(caller: CallerDialect, host: str, size: int) -> None:
    stream = b"".join(STREAMS[WIRES[host]])
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    reply, body = await translated(event_stream(*pieces), caller, host, streams=True)
    assert (reply.headers, reply.failure) == ([(b"content-type", b"text/event-stream")], None)
    assert caller.replies.stream.ending(body)[0] is True
    plain = caller.replies.reshape.to_plain(body)
    assert plain is not None
    assert text_of(caller, plain) == "Hi"


@BOTH_WAYS
async def test_a_whole_reply_to_who_wants_a_stream_becomes_one(caller: CallerDialect, host: str) -> None:
    reply, body = await translated(json_reply(PLAIN[WIRES[host]]), caller, host, streams=True)
    assert reply.headers == [(b"content-type", b"text/event-stream")]
    assert caller.replies.stream.ending(body)[0] is True


@BOTH_WAYS
async def test_a_stream_that_broke_is_told_as_broken(caller: CallerDialect, host: str) -> None:
    nothing, content, _ = STREAMS[WIRES[host]]
    reply, body = await translated(event_stream(nothing, content, cut=CUT), caller, host, streams=True)
    assert reply.failure is CUT
    assert b"Hi" in body
    assert caller.replies.stream.ending(body)[0] is False


@BOTH_WAYS
async def test_a_stream_that_ends_before_its_answer_does_was_cut(caller: CallerDialect, host: str) -> None:
    nothing, content, _ = STREAMS[WIRES[host]]
    reply, body = await translated(event_stream(nothing, content), caller, host, streams=True)
    assert reply.failure is not None
    assert (reply.failure.kind, host in reply.failure.message) == (Kind.TRUNCATED, True)
    assert caller.replies.stream.ending(body)[0] is False


ERROR_EVENTS = {
    "cerebras": b'data: {"error":{"message":"Full","code":"rate_limit_exceeded"}}\n\n',
    "anthropic": b'event: error\ndata: {"type":"error","error":{"type":"rate_limit_error","message":"Full"}}\n\n',
}


@BOTH_WAYS
async def test_an_error_within_a_stream_ends_it_in_the_callers_words(caller: CallerDialect, host: str) -> None:
    nothing, content, rest = STREAMS[WIRES[host]]
    inner = event_stream(nothing, content, ERROR_EVENTS[host], rest)
    reply, body = await translated(inner, caller, host, streams=True)
    last = body.rstrip(b"\n").rpartition(b"\n\n")[2]
    name, _, data = last.rpartition(b"data: ")
    error = caller.replies.stream.error_in(name.removeprefix(b"event: ").strip(), data, "")
    assert error is not None
    assert b"Full" in last
    assert (caller.replies.stream.ending(body)[0], inner.closed, reply.failure) == (False, True, None)


@BOTH_WAYS
async def test_an_error_has_the_callers_shape_and_the_headers_that_go_with_it(caller: CallerDialect, host: str) -> None:
    headers: Headers = [(b"content-type", b"text/html"), (b"retry-after", b"7"), (b"content-length", b"1")]
    error = b'{"error":{"message":"Too many","type":"rate_limit_error"}}'
    reply = shaped_error(FakeReply(429, error, headers=headers), caller, host, b"trace-1", relays=False)
    body = await read_all(reply)
    fields = dict(reply.headers)
    assert (reply.status, fields[b"content-type"], fields[b"retry-after"]) == (429, b"application/json", b"7")
    assert len(reply.headers) == len(fields)
    assert b"content-length" not in fields
    assert "Too many" in json.loads(body)["error"]["message"]


async def test_anthropics_clients_have_a_status_of_their_own_for_a_prompt_that_is_too_long() -> None:
    error = b'{"error":{"message":"Too long","code":"context_length_exceeded"}}'
    reply = shaped_error(json_reply(error, 413), ANTHROPIC, "cerebras", b"trace-1", relays=False)
    body = await read_all(reply)
    assert (reply.status, json.loads(body)["error"]["type"]) == (400, "invalid_request_error")
    assert dict(reply.headers)[b"request-id"] == b"trace-1"


@BOTH_WAYS
async def test_what_is_far_too_large_is_refused(caller: CallerDialect, host: str) -> None:
    reply, body = await translated(json_reply(b"x" * (MAX_FRAME + 1)), caller, host)
    assert reply.failure is not None
    assert (reply.failure.kind, body) == (Kind.INVALID_RESPONSE, b"")


@BOTH_WAYS
async def test_an_error_in_place_of_an_answer_is_told_as_one(caller: CallerDialect, host: str) -> None:
    body = b'{"type":"error","error":{"type":"api_error","message":"Oh no."}}'
    reply, told = await translated(json_reply(body), caller, host)
    verdict = caller.replies.judge(told, host, True)
    assert (reply.failure, caller.errors.has_shape(told)) == (None, True)
    assert verdict.error is not None
    assert verdict.error.status in {500, 502}
    assert "Oh no" in json.loads(told)["error"]["message"]
    reply, told = await translated(json_reply(body), caller, host, streams=True)
    name, _, data = told.strip().rpartition(b"data: ")
    assert reply.failure is None
    assert caller.replies.stream.error_in(name.removeprefix(b"event: ").strip(), data, "") is not None


@BOTH_WAYS
async def test_what_is_no_reply_at_all_is_a_failure(caller: CallerDialect, host: str) -> None:
    reply, body = await translated(json_reply(b"<html>"), caller, host)
    assert reply.failure is not None
    assert (reply.failure.kind, body) == (Kind.INVALID_RESPONSE, b"")


BAD_CALL = {
    "choices": [
        {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{no json"}}]}}
    ]
}  # fmt: skip


@pytest.mark.parametrize("streams", [False, True])
async def test_an_answer_that_the_callers_wire_has_no_place_for_is_a_failure(streams: bool) -> None:
    reply, body = await translated(json_reply(json.dumps(BAD_CALL).encode()), ANTHROPIC, "cerebras", streams=streams)
    assert reply.failure is not None
    assert (reply.failure.kind, body) == (Kind.INVALID_RESPONSE, b"")


SAID = {
    "anthropic": b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
    b'"text":%b}}\n\n',
    "cerebras": b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,'
    b'"delta":{"content":%b},"finish_reason":null}]}\n\n',
}
CALL = {
    "anthropic": b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use",'
    b'"id":"t","name":"f","input":{}}}\n\n',
    "cerebras": b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,'
    b'"delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{}"}}]},"finish_reason":null}]}\n\n',
}


@BOTH_WAYS
@given(st.lists(st.text(max_size=3) | st.none(), max_size=9), st.lists(st.integers(0, 400), max_size=9))
def test_texts_like_the_last_one_are_told_as_any_others(
    caller: CallerDialect, host: str, texts: list[str | None], sizes: list[int]
) -> None:
    """However the stream is cut, the same bytes come as when each event is read; None is a call among the texts."""
    nothing, content, rest = STREAMS[WIRES[host]]
    told = [
        CALL[host] if text is None else SAID[host] % json.dumps(text, ensure_ascii=False).encode() for text in texts
    ]
    stream, caption = nothing + content + b"".join(told) + rest, Caption("1", 7, "m", host)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Translation, "caption", lambda _: caption)
        read, repeated = (TranslatedStream(translation(caller, host, streams=True), b"t") for _ in range(2))
    pieces = [nothing + content, *told, rest]
    for size in sizes:
        cut = max(range(len(pieces)), key=lambda place: len(pieces[place]))
        pieces[cut : cut + 1] = [pieces[cut][:size], pieces[cut][size:]]
    came = []
    for piece in pieces:
        known = repeated.repeated(piece)
        came.append(repeated.feed(piece) if known is None else known)
    assert b"".join(came) + repeated.finish() == read.feed(stream) + read.finish()


@BOTH_WAYS
def test_after_an_error_nothing_is_told(caller: CallerDialect, host: str) -> None:
    stream = TranslatedStream(translation(caller, host, streams=True), b"t")
    nothing, content, _ = STREAMS[WIRES[host]]
    for piece in (nothing, content, SAID[host] % b'"a"'):
        stream.feed(piece)
    assert stream.repeated(SAID[host] % b'"b"') is not None
    assert stream.feed(ERROR_EVENTS[host])
    assert stream.is_over
    assert stream.repeated(SAID[host] % b'"c"') is None
    assert stream.feed(SAID[host] % b'"d"') == b""


@BOTH_WAYS
async def test_texts_like_the_last_one_are_handed_on_without_a_look(caller: CallerDialect, host: str) -> None:
    said = [SAID[host] % quoted for quoted in (b'"a"', b'"b"', b'"\xc3\xa9\\n"', b'"d"')]
    nothing, content, rest = STREAMS[WIRES[host]]
    inner = event_stream(nothing, content, *said[:3], said[3] * 2, rest)
    reply = translate_reply(inner, translation(caller, host, streams=True), b"t")
    looked_at: list[bytes] = []
    known: list[bytes] = []
    await pass_on(reply, looked_at.append, known.append)
    assert [each.count(b"\n\n") for each in known][-3:] == [1, 1, 2]
    assert not any(each in b"".join(looked_at) for each in known)


def test_each_reply_has_a_caption_of_its_own() -> None:
    how = translation(OPENAI, "anthropic")
    one, other = how.caption(), how.caption()
    assert one.seed != other.seed
    assert int(one.seed, 16) >= 0
    assert (one.model, one.provider, one.strict, one.include_usage) == ("m", "anthropic", True, False)


async def test_the_usage_of_a_translated_stream_has_a_chunk_of_its_own_for_who_asks() -> None:
    for options, told in (({}, False), ({"stream_options": {"include_usage": True}}, True)):
        asked = calling.call({**CHAT, "stream": True, **options})
        how = calling.prepared(asked, calling.route(calling.target("anthropic"))).translation
        assert how is not None
        body = await read_all(translate_reply(event_stream(*STREAMS["anthropic"]), how, b"t"))
        assert b'"prompt_tokens":3' in body
        assert (b'"choices":[]' in body) is told


LABELS = pytest.mark.parametrize("kind", [b"text/event-stream", b"application/json", b"text/plain"])


async def streamed(wire: str, kind: bytes, data: bytes, size: int) -> bytes:
    """What who wants a stream gets of a reply in a wire, with this content type, that comes in pieces."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    inner = FakeReply(200, *pieces, headers=[(b"content-type", kind)])
    reply = translate_reply(inner, from_wire(wire), b"t")
    body = await read_all(reply)
    assert (reply.headers, reply.failure) == ([(b"content-type", b"text/event-stream")], None)
    return body


def from_wire(wire: str) -> Translation:
    return msgspec.structs.replace(translation(ANTHROPIC, "cerebras", streams=True), provider=DIALECTS[wire])


@LABELS
@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("blanks", [b"", b" \r\n" * 9, b"\xef\xbb\xbf"])
@pytest.mark.parametrize("wire", ["openai_chat", "responses", "anthropic", "gemini", "cohere"])
async def test_the_first_bytes_tell_what_a_reply_is_whatever_its_host_calls_it(
    wire: str, blanks: bytes, size: int, kind: bytes
) -> None:
    for data in (PLAIN[wire], b"".join(STREAMS[wire])):
        body = await streamed(wire, kind, blanks + data, size)
        plain = ANTHROPIC.replies.reshape.to_plain(body)
        assert plain is not None
        assert (text_of(ANTHROPIC, plain), ANTHROPIC.replies.stream.ending(body)[0]) == ("Hi", True)


LINES = (
    b'{"model":"m","message":{"role":"assistant","content":"Hi"},"done":false}\n',
    b'{"model":"m","message":{"content":""},"done":true,"done_reason":"stop","eval_count":2,"prompt_eval_count":3}\n',
)


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("kind", [b"application/x-ndjson", b"application/json"])
async def test_lines_of_json_are_a_stream_and_are_told_as_they_come(kind: bytes, size: int) -> None:
    for data in (PLAIN["ollama"], b"".join(LINES)):
        body = await streamed("ollama", kind, data, size)
        assert (b"Hi" in body, ANTHROPIC.replies.stream.ending(body)[0]) == (True, True)
    inner = FakeReply(200, *LINES, headers=[(b"content-type", kind)])
    assert b"Hi" in await translate_reply(inner, from_wire("ollama"), b"t").read()
    assert await inner.read() == LINES[1]


async def test_a_large_whole_reply_that_is_called_a_stream_is_read_in_a_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []

    async def noted(size: int, work: Any, *arguments: Any) -> Any:
        sizes.append(size)
        return await aside(size, work, *arguments)

    monkeypatch.setattr(wrapped_reply, "aside", noted)
    large = PLAIN["anthropic"].replace(b'"Hi"', b'"' + b"x" * (3 << 20) + b'"')
    inner = event_stream(large[: 1 << 20], large[1 << 20 :])
    for taken in (read_all, passed_all):
        inner = event_stream(large[: 1 << 20], large[1 << 20 :])
        body = await taken(translate_reply(inner, translation(OPENAI, "anthropic", streams=True), b"t"))
        assert (body.count(b"x") >= 3 << 20, OPENAI.replies.stream.ending(body)[0]) == (True, True)
    assert sizes == [len(large)] * 2


async def passed_all(reply: Reply) -> bytes:
    body = bytearray()

    def take(data: bytes) -> None:
        body.extend(data)

    await pass_on(reply, take)
    return bytes(body)
