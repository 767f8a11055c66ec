"""A reply, read until the answer has begun: until then it can be a failure that routing acts on."""

from __future__ import annotations

import asyncio
import json
from time import monotonic
from typing import Any

import msgspec
import pytest

import calling
from calling import ANTHROPIC, CHAT, OPENAI, PLAIN, STREAMS, event_stream, json_reply, target
from fake_reply import FakeReply
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits
from penstock.core.outcome import ErrorClass
from penstock.dialects.caller import CallerDialect, Caption
from penstock.dialects.registry import CALLERS
from penstock.pipeline import first_content
from penstock.pipeline.call import Answer
from penstock.pipeline.deadline import AttemptDeadlines
from penstock.pipeline.first_content import read_first_content, whole_answer
from penstock.pipeline.off_loop.thread import LARGE, off_loop_if_large
from penstock.pipeline.records.cost import mode_of
from penstock.pipeline.replies.held_stream import HOLD
from penstock.pipeline.replies.reshaped_reply import LARGEST
from penstock.pipeline.translate import Translation, translate_reply
from penstock.routing.plan import RescuePolicy, Target, Timeouts
from penstock.transport.base import Reply

DIALECTS = pytest.mark.parametrize("dialect", CALLERS.values(), ids=CALLERS)
HOSTS = {
    "openai_chat": "groq",
    "anthropic": "anthropic",
    "gemini": "google",
    "responses": "openai",
    "ollama": "ollama",
    "ollama_generate": "ollama",
    "cohere": "cohere",
    "bedrock_converse": "bedrock",
}
CUT = Failure(Kind.CONNECTION_CLOSED, "Gone", sent=True)
ERRORS = {
    "openai_chat": b'data: {"error":{"message":"Full","code":"rate_limit_exceeded"}}\n\n',
    "anthropic": b'event: error\ndata: {"type":"error","error":{"type":"rate_limit_error","message":"Full"}}\n\n',
    "gemini": b'data: {"error":{"code":429,"message":"Full","status":"RESOURCE_EXHAUSTED"}}\n\n',
    "responses": b'event: error\ndata: {"type":"error","code":"rate_limit_exceeded","message":"Full"}\n\n',
    **dict.fromkeys(("ollama", "ollama_generate"), b'data: {"error":"Full: requests rate limit exceeded"}\n\n'),
    "cohere": (
        b'event: message-end\ndata: {"type":"message-end","delta":{"finish_reason":"ERROR",'
        b'"error":"Full: requests rate limit exceeded"}}\n\n'
    ),
    "bedrock_converse": b'event: throttlingException\ndata: {"message":"Full"}\n\n',
}


class WholeReply(FakeReply):
    """A reply that came in one piece with its head."""

    def whole(self) -> bytes:
        (body,) = self._pieces
        return bytes(body)


class Endless(FakeReply):
    """A stream that falls silent after its pieces, until ``more`` is set."""

    def __init__(self, *pieces: bytes) -> None:
        super().__init__(200, *pieces, headers=[(b"content-type", b"text/event-stream")])
        self.more = asyncio.Event()
        self.is_waiting = asyncio.Event()

    async def read(self) -> bytes:
        if not self._pieces:
            self.is_waiting.set()
            await self.more.wait()
        return await super().read()


async def begun(
    reply: Reply,
    dialect: CallerDialect = OPENAI,
    *,
    streams: bool = True,
    to: Target | None = None,
    first_token: float | None = None,
) -> Answer | Failure:
    route = calling.route(to or target(HOSTS[dialect.name]))
    request = calling.prepared(calling.call({**CHAT, "stream": streams}, dialect), route)
    return await read_first_content(reply, route, AttemptDeadlines(Limits(), first_token), request, b"trace")


async def answered(
    reply: Reply, dialect: CallerDialect = OPENAI, *, streams: bool = True, to: Target | None = None
) -> Answer:
    answer = await begun(reply, dialect, streams=streams, to=to)
    assert isinstance(answer, Answer), answer
    return answer


async def failed(
    reply: Reply, dialect: CallerDialect = OPENAI, *, streams: bool = True, to: Target | None = None
) -> Failure:
    failure = await begun(reply, dialect, streams=streams, to=to)
    assert isinstance(failure, Failure), failure
    return failure


@DIALECTS
async def test_a_stream_has_begun_with_its_first_content(dialect: CallerDialect) -> None:
    nothing, content, rest = STREAMS[dialect.name]
    reply = event_stream(b": hello\n\n", nothing, content, rest)
    answer = await answered(reply, dialect)
    assert answer.body == b": hello\n\n" + nothing + content
    assert (answer.status, answer.outcome.ok, answer.usage) == (200, True, None)
    assert answer.rest is not None
    assert await answer.rest.read() == rest
    assert answer.watch is not None
    assert answer.watch.content > 0


@DIALECTS
async def test_until_then_a_broken_stream_is_a_failure(dialect: CallerDialect) -> None:
    nothing, content, _ = STREAMS[dialect.name]
    assert await failed(event_stream(nothing, cut=CUT), dialect) is CUT
    assert isinstance(await begun(event_stream(nothing, content, cut=CUT), dialect), Answer)


@DIALECTS
async def test_a_stream_without_content_is_of_no_use(dialect: CallerDialect) -> None:
    failure = await failed(event_stream(STREAMS[dialect.name][0]), dialect)
    assert (failure.kind, failure.sent) == (Kind.INVALID_RESPONSE, True)
    assert (await failed(event_stream(), dialect)).kind is Kind.INVALID_RESPONSE


@DIALECTS
async def test_a_stream_that_ends_as_soon_as_it_has_begun_was_not_finished(dialect: CallerDialect) -> None:
    nothing, content, _ = STREAMS[dialect.name]
    failure = await failed(event_stream(nothing + content.partition(b"\n\n")[0]), dialect)
    assert failure.kind is Kind.TRUNCATED


@DIALECTS
async def test_an_error_at_the_beginning_is_an_outcome_that_routing_knows(dialect: CallerDialect) -> None:
    nothing, _, _ = STREAMS[dialect.name]
    answer = await answered(event_stream(nothing, ERRORS[dialect.name]), dialect)
    assert (answer.status, answer.outcome.status, answer.outcome.error) == (429, 429, ErrorClass.RATE_LIMIT)
    assert (answer.rest, dict(answer.headers)[b"content-type"]) == (None, b"application/json")
    assert answer.failure is not None
    assert answer.failure.kind is Kind.STREAM_ERROR


async def test_an_error_after_content_no_longer_counts() -> None:
    answer = await answered(event_stream(calling.CHUNK, ERRORS["openai_chat"]))
    assert answer.outcome.ok


async def test_a_long_event_has_begun_something() -> None:
    answer = await answered(event_stream(b'data: {"choices":[' + b" " * (1100 << 10)))
    assert answer.watch is not None
    assert answer.watch.mid_event


async def test_no_more_is_held_back_than_there_is_room_for() -> None:
    nothing = STREAMS["openai_chat"][0]
    pieces = [nothing * (1 + (100 << 10) // len(nothing))] * 20
    answer = await answered(event_stream(*pieces))
    assert HOLD < len(answer.body) < HOLD + 2 * len(pieces[0])


async def test_a_first_token_that_is_late() -> None:
    reply = Endless(STREAMS["openai_chat"][0])
    hasty = target(timeouts=Timeouts(first_token=0.25))
    failure = await begun(reply, to=hasty, first_token=monotonic())
    assert isinstance(failure, Failure)
    assert failure.kind is Kind.FIRST_TOKEN_TIMEOUT
    assert "0.25 s" in failure.message


# Rescue: more is held back.


async def test_a_rescued_stream_is_held_back_for_so_many_pieces() -> None:
    to = target(rescue=RescuePolicy(2))
    assert await failed(event_stream(calling.FIRST, cut=CUT), to=to) is CUT
    answer = await answered(event_stream(calling.FIRST, calling.CHUNK, cut=CUT), to=to)
    assert answer.body == calling.FIRST + calling.CHUNK


async def test_or_whole() -> None:
    to = target(rescue=RescuePolicy(None))
    assert await failed(event_stream(calling.FIRST, calling.STOP, cut=CUT), to=to) is CUT
    answer = await answered(event_stream(calling.FIRST, calling.STOP, calling.DONE), to=to)
    assert answer.body == calling.FIRST + calling.STOP + calling.DONE
    assert (await failed(event_stream(calling.FIRST), to=to)).kind is Kind.TRUNCATED


async def test_or_for_so_long_and_nothing_is_lost() -> None:
    reply = Endless(calling.FIRST)
    answer = await answered(reply, to=target(rescue=RescuePolicy(None, max_wait=0.001)))
    assert answer.body == calling.FIRST
    reply._pieces = [calling.STOP, calling.DONE]
    reply.more.set()
    assert answer.rest is not None
    assert [await answer.rest.read() for _ in range(3)] == [calling.STOP, calling.DONE, b""]


async def test_giving_up_a_held_stream_ends_the_read_under_way() -> None:
    reply = Endless(calling.FIRST)
    answer = await answered(reply, to=target(rescue=RescuePolicy(None, max_wait=0.001)))
    await reply.is_waiting.wait()
    answer.close()
    assert reply.closed
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_leaving_while_a_stream_is_held_back_ends_the_read_under_way() -> None:
    reply = Endless(calling.FIRST)
    reading = asyncio.create_task(begun(reply, to=target(rescue=RescuePolicy(None, max_wait=3600))))
    await reply.is_waiting.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


# Plain replies.


@DIALECTS
async def test_a_plain_reply_has_begun_when_it_is_whole(dialect: CallerDialect) -> None:
    body = PLAIN[dialect.name]
    reply = FakeReply(200, body[:20], body[20:], headers=[(b"content-type", b"application/json"), (b"server", b"x")])
    answer = await answered(reply, dialect, streams=False)
    assert (answer.body, answer.rest, answer.watch, answer.outcome.ok) == (body, None, None, True)
    assert answer.headers == [(b"content-type", b"application/json")]
    assert answer.usage is not None
    assert (answer.usage.prompt, answer.usage.completion) == (3, 2)


TYPES = pytest.mark.parametrize("kind", [b"application/json", b"text/event-stream", b"text/plain", b""])


def of_kind(kind: bytes, *pieces: bytes) -> FakeReply:
    return FakeReply(200, *pieces, headers=[(b"content-type", kind)] if kind else [])


async def whole(answer: Answer) -> bytes:
    assert answer.watch is not None
    assert answer.rest is not None
    assert await answer.rest.read() == b""
    return answer.body + answer.watch.finish()


@TYPES
@DIALECTS
async def test_a_plain_reply_becomes_the_stream_that_was_asked_for(dialect: CallerDialect, kind: bytes) -> None:
    plain = PLAIN[dialect.name]
    answer = await answered(of_kind(kind, plain[:1], plain[1:]), dialect)
    assert answer.headers == [(b"content-type", b"text/event-stream")]
    stream = await whole(answer)
    again = dialect.replies.reshape.gather(stream)
    assert again is not None
    assert json.loads(again).get("choices") == json.loads(plain).get("choices")
    assert json.loads(again).get("content") == json.loads(plain).get("content")
    assert answer.watch is not None
    finished, usage = answer.watch.ending()
    assert (finished, usage is not None and (usage.prompt, usage.completion)) == (True, (3, 2))
    assert (b'"choices":[]' in stream) is False, "nobody asked for a chunk with the usage"


@TYPES
@DIALECTS
async def test_a_stream_that_nobody_asked_for_becomes_a_plain_reply(dialect: CallerDialect, kind: bytes) -> None:
    reply = of_kind(kind, *STREAMS[dialect.name])
    answer = await answered(reply, dialect, streams=False)
    assert (answer.watch, answer.headers) == (None, [(b"content-type", b"application/json")])
    told, plain = json.loads(answer.body), json.loads(PLAIN[dialect.name])
    assert told.get("content") == plain.get("content")
    assert [choice["message"]["content"] for choice in told.get("choices", ())] == [
        choice["message"]["content"] for choice in plain.get("choices", ())
    ]
    assert answer.usage is not None
    assert (answer.usage.prompt, answer.usage.completion) == (3, 2)


@DIALECTS
async def test_a_stream_that_nobody_asked_for_and_that_fails(dialect: CallerDialect) -> None:
    nothing, content, _ = STREAMS[dialect.name]
    cut = await failed(event_stream(nothing, content), dialect, streams=False)
    assert cut.kind is Kind.TRUNCATED
    answer = await answered(event_stream(nothing, content, ERRORS[dialect.name]), dialect, streams=False)
    assert (answer.status, answer.outcome.error) == (429, ErrorClass.RATE_LIMIT)
    assert calling.error_text(answer.body)


async def test_a_stream_without_usage_becomes_a_plain_reply_without() -> None:
    answer = await answered(event_stream(calling.FIRST, calling.STOP, calling.DONE), streams=False)
    assert json.loads(answer.body)["choices"][0]["message"]["content"] == "Hi"
    assert (answer.usage, "usage" in json.loads(answer.body)) == (None, False)


@TYPES
@DIALECTS
async def test_a_byte_order_mark_is_no_part_of_the_first_event(dialect: CallerDialect, kind: bytes) -> None:
    nothing, content, _ = STREAMS[dialect.name]
    answer = await answered(of_kind(kind, b"\xef\xbb\xbf" + nothing + content), dialect)
    assert answer.body.startswith(nothing + content)


@TYPES
@DIALECTS
async def test_a_stream_is_told_by_its_first_bytes(dialect: CallerDialect, kind: bytes) -> None:
    stream = b"".join(STREAMS[dialect.name])
    answer = await answered(of_kind(kind, *[stream[at : at + 1] for at in range(len(stream))]), dialect)
    assert answer.headers == [(b"content-type", b"text/event-stream")]
    body, watch = bytearray(answer.body), answer.watch
    assert watch is not None
    assert answer.rest is not None
    while data := await answer.rest.read():
        body += watch.feed(data)
    assert bytes(body) + watch.finish() == stream.replace(calling.USAGE, b""), "nobody asked for the usage"


@DIALECTS
async def test_a_broken_plain_reply_is_a_failure(dialect: CallerDialect) -> None:
    assert await failed(FakeReply(200, b"{", cut=CUT), dialect, streams=False) is CUT


@DIALECTS
async def test_a_plain_reply_that_is_none(dialect: CallerDialect) -> None:
    for body in (b"", b"<html>", b"[1]"):
        assert (await failed(json_reply(body), dialect, streams=False)).kind is Kind.INVALID_RESPONSE


@DIALECTS
async def test_an_error_that_says_success(dialect: CallerDialect) -> None:
    body = b'{"type":"error","error":{"message":"Full","type":"rate_limit_error"}}'
    if dialect is calling.GEMINI:
        body = b'{"error":{"code":429,"message":"Full","status":"RESOURCE_EXHAUSTED"}}'
    if dialect.name.startswith("ollama"):
        body = b'{"error":"Full: requests rate limit exceeded"}'
    if dialect.name == "cohere":
        body = b'{"id":"i","message":"Full: requests rate limit exceeded"}'
    answer = await answered(json_reply(body), dialect, streams=False)
    told = b'{"message":"Full"}' if dialect.name == "bedrock_converse" else body
    assert (answer.status, answer.body, answer.outcome.status) == (429, told, 429)
    assert answer.failure is not None
    assert answer.failure.kind is Kind.STREAM_ERROR


@pytest.mark.parametrize("dialect", [OPENAI, ANTHROPIC])
async def test_an_error_is_classified_and_passes(dialect: CallerDialect) -> None:
    body = b'{"error":{"message":"Too many","code":"rate_limit_exceeded"}}'
    reply = FakeReply(400, body, headers=[(b"retry-after", b"7")])
    answer = await answered(reply, dialect)
    assert (answer.status, answer.body, answer.headers) == (400, body, [(b"retry-after", b"7")])
    assert (answer.outcome.status, answer.outcome.error, answer.outcome.retry_after) == (400, ErrorClass.RATE_LIMIT, 7)
    assert answer.failure is not None
    assert answer.failure.kind is Kind.UPSTREAM_STATUS


@pytest.mark.parametrize(("status", "limit"), [(200, LARGEST), (500, HOLD)])
async def test_a_large_plain_reply_goes_on_arriving(status: int, limit: int) -> None:
    reply = FakeReply(status, b"x" * limit, b"y", b"z")
    answer = await answered(reply, streams=False)
    assert (len(answer.body), answer.status) == (limit + 1, status)
    assert answer.rest is not None
    assert await answer.rest.read() == b"z"


DEVIATING = calling.COMPLETION.replace(b'"chat.completion"', b'"text_completion"')
NOTHING_SAID = calling.COMPLETION.replace(b'"content":"Hi"', b'"content":null')
WHOLE = {
    "good": calling.COMPLETION,
    "deviating": DEVIATING,
    "nothing said": NOTHING_SAID,
    "an error": b'{"error":{"message":"Full","code":"rate_limit_exceeded"}}',
    "no answer": b'{"choices":[]}',
    "no JSON": b"<html>",
    "NaN": calling.COMPLETION.replace(b'"created":1', b'"created":NaN'),
    "impossible usage": calling.COMPLETION.replace(b'"prompt_tokens":3', b'"prompt_tokens":-3'),
}


@pytest.mark.parametrize("body", WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("provider", ["openai", "groq"])
async def test_a_reply_that_came_as_a_whole_gets_the_same_answer_at_once(provider: str, body: bytes) -> None:
    to, fields = calling.route(target(provider)), [(b"content-type", b"application/json"), (b"x-request-id", b"r")]
    request = calling.prepared(calling.call(CHAT), to)
    read = await read_first_content(FakeReply(200, body, headers=fields), to, AttemptDeadlines(Limits()), request, b"t")
    assert whole_answer(WholeReply(200, body, headers=fields), to, request, b"t") == read


TRANSLATED = {
    "good": calling.MESSAGE,
    "cached": calling.MESSAGE.replace(b'"input_tokens":3', b'"input_tokens":3,"cache_read_input_tokens":7'),
    "cut": calling.MESSAGE.replace(b'"end_turn"', b'"max_tokens"'),
    "failed": calling.MESSAGE.replace(b'"end_turn"', b'"model_error"'),
    "nothing said": calling.MESSAGE.replace(b'"Hi"', b'""'),
    "an error": b'{"type":"error","error":{"type":"api_error","message":"Oh no."}}',
    "no message": b'{"type":"message"}',
    "no JSON": b"<html>",
    "streamed all the same": b"".join(STREAMS["anthropic"]),
}


@pytest.mark.parametrize("body", TRANSLATED.values(), ids=TRANSLATED)
@pytest.mark.parametrize(
    "dialect", [each for name, each in CALLERS.items() if name != "anthropic"], ids=lambda each: each.name
)
async def test_a_translated_reply_that_came_as_a_whole_gets_the_same_answer_at_once(
    dialect: CallerDialect, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Translation, "caption", lambda _: Caption("1", 7, "claude", "anthropic"))
    to, fields = calling.route(target("anthropic")), [(b"content-type", b"application/json"), (b"x-request-id", b"r")]
    request = calling.prepared(calling.call(CHAT, dialect), to)
    assert request.translation is not None
    reply = translate_reply(FakeReply(200, body, headers=fields), request.translation, b"t")
    read = await read_first_content(reply, to, AttemptDeadlines(Limits()), request, b"t")
    at_once = whole_answer(WholeReply(200, body, headers=fields), to, request, b"t")
    assert at_once == read or (at_once is None and body.startswith(b"event"))


BILLED = (
    b'{"input_tokens":3,"output_tokens":2,"cache_creation_input_tokens":9,"service_tier":"priority",'
    b'"cache_creation":{"ephemeral_1h_input_tokens":9},"server_tool_use":{"web_search_requests":4}}'
)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("arrives", [FakeReply, WholeReply])
@pytest.mark.parametrize(
    "dialect", [each for name, each in CALLERS.items() if name != "anthropic"], ids=lambda each: each.name
)
async def test_what_the_callers_wire_has_no_words_for_is_paid_for(
    dialect: CallerDialect, arrives: type[FakeReply], streams: bool
) -> None:
    """Searches, what is cached for an hour, and the tier of the service."""
    usage, asked = b'{"input_tokens":3,"output_tokens":2}', {**CHAT, "stream": streams}
    pieces = [calling.MESSAGE.replace(usage, BILLED)]
    if streams:
        first, *others = STREAMS["anthropic"]
        pieces = [first.replace(b'{"input_tokens":3,"output_tokens":1}', BILLED), *others]
    kind = b"text/event-stream" if streams else b"application/json"
    at, call = calling.route(target("anthropic")), calling.call(asked, dialect)
    assert call.request is not None
    call.request = msgspec.structs.replace(call.request, stream=streams)
    request = calling.prepared(call, at)
    reply = arrives(200, *pieces, headers=[(b"content-type", kind)])
    answer = whole_answer(reply, at, request, b"t")
    if answer is None:
        assert request.translation is not None
        translated = translate_reply(reply, request.translation, b"t")
        answer = await read_first_content(translated, at, AttemptDeadlines(Limits()), request, b"t")
    assert isinstance(answer, Answer)
    if answer.watch is not None and answer.rest is not None:
        while data := await answer.rest.read():
            answer.watch.feed(data)
        answer.watch.finish()
        answer.usage = answer.watch.ending()[1]
    assert answer.usage is not None
    assert (answer.usage.cache_written_1h, answer.usage.searches, mode_of(answer.usage)) == (9, 4, "priority")


def test_what_is_not_told_at_once() -> None:
    to, from_claude = calling.route(target("openai")), calling.route(target("anthropic"))
    plain, streamed = (calling.prepared(calling.call({**CHAT, "stream": each}), to) for each in (False, True))
    translated = calling.prepared(calling.call(CHAT), from_claude)
    whole, events = WholeReply(200, calling.COMPLETION), WholeReply(200, b"".join(STREAMS["openai_chat"]))
    assert whole_answer(whole, to, plain, b"t") is not None
    assert whole_answer(whole, to, streamed, b"t") is None
    assert whole_answer(events, from_claude, translated, b"t") is None
    assert whole_answer(WholeReply(500, calling.COMPLETION), to, plain, b"t") is None
    assert whole_answer(FakeReply(200, calling.COMPLETION), to, plain, b"t") is None
    assert whole_answer(WholeReply(200, calling.COMPLETION + b" " * LARGE), to, plain, b"t") is None
    assert whole_answer(events, to, plain, b"t") is None


@DIALECTS
@pytest.mark.parametrize("streams", [True, False])
async def test_much_of_a_reply_in_the_other_form_is_read_beside_the_event_loop(
    dialect: CallerDialect, streams: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    async def noted(size: int, work: Any) -> Any:
        sizes.append(size)
        return await off_loop_if_large(size, work)

    monkeypatch.setattr(first_content, "off_loop_if_large", noted)
    nothing, content, rest = STREAMS[dialect.name]
    comments = b": ping\n\n" * 50_000
    if streams:
        plain = PLAIN[dialect.name].replace(b'"Hi"', b'"' + b"x" * 400_000 + b'"')
        answer = await answered(of_kind(b"application/json", plain), dialect)
        assert answer.rest is not None
        assert answer.watch is not None
        stream = answer.body
        while data := await answer.rest.read():
            stream += answer.watch.feed(data)
        assert (stream + answer.watch.finish()).count(b"x") >= 400_000
    else:
        answer = await answered(event_stream(nothing, comments, content, rest), dialect, streams=False)
        assert b"Hi" in answer.body
    assert len([size for size in sizes if size >= 400_000]) >= 2


@DIALECTS
async def test_a_stream_that_is_called_none_is_taken_in_turns(dialect: CallerDialect) -> None:
    nothing, content, rest = STREAMS[dialect.name]
    answer = await answered(of_kind(b"text/plain", nothing + content, b": ping\n\n" * 50_000 + rest), dialect)
    assert answer.rest is not None
    sizes = []
    while data := await answer.rest.read():
        sizes.append(len(data))
    assert (max(sizes), sum(sizes)) == (16 << 10, 400_000 + len(rest))
