"""Replies around replies: changed on their way, closed with what they wrap, and broken where it broke."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from calling import event_stream, json_reply
from fake_reply import FakeReply
from penstock.core.failure import Failure, Kind
from penstock.dialects.framing import sse
from penstock.pipeline.off_loop.process import WorkError, aside
from penstock.pipeline.off_loop.thread import LARGE
from penstock.pipeline.replies import wrapped_reply
from penstock.pipeline.replies.wrapped_reply import (
    InTurns,
    TransformedReply,
    TransformedStream,
    WrappedReply,
    first_bytes,
    headers_for,
    unusable,
)
from penstock.transport.base import Reply

CUT = Failure(Kind.CONNECTION_CLOSED, "Gone", sent=True)
TOO_LARGE = unusable("p", "sent too much")


class Upper:
    """Gives letters in capitals, but swallows ``-``; ``!`` ends the stream, ``?`` breaks it."""

    def __init__(self) -> None:
        self.failure: Failure | None = None
        self.is_over = False
        self.ends = 0

    def feed(self, data: bytes) -> bytes:
        self.is_over = b"!" in data
        if b"?" in data:
            self.failure = CUT
        return data.upper().replace(b"-", b"")

    def finish(self) -> bytes:
        self.ends += 1
        return b"."


async def read_all(reply: Reply) -> list[bytes]:
    pieces = []
    while piece := await reply.read():
        pieces.append(piece)
    return pieces


async def test_a_reply_passes_as_it_is() -> None:
    inner = FakeReply(201, b"a", b"b", headers=[(b"x", b"1")], cut=CUT)
    reply = WrappedReply(inner)
    assert (reply.status, reply.headers, reply.failure) == (201, [(b"x", b"1")], None)
    assert await read_all(reply) == [b"a", b"b"]
    assert reply.failure is CUT
    reply.close()
    assert inner.closed


async def test_a_stream_is_changed_piece_by_piece_and_never_ends_early() -> None:
    inner, transform = event_stream(b"a", b"-", b"b"), Upper()
    reply = TransformedStream(inner, transform)
    assert await read_all(reply) == [b"A", b"B", b"."]
    assert await reply.read() == b""
    assert (transform.ends, inner.closed) == (1, False)


async def test_a_stream_that_broke_has_no_proper_end() -> None:
    transform = Upper()
    reply = TransformedStream(event_stream(b"a", cut=CUT), transform)
    assert await read_all(reply) == [b"A"]
    assert (reply.failure, transform.ends) == (CUT, 0)


@pytest.mark.parametrize(("last", "failure"), [(b"b!", None), (b"b?", CUT)])
async def test_a_transform_may_end_it(last: bytes, failure: Failure | None) -> None:
    inner = event_stream(b"a", last, b"never")
    reply = TransformedStream(inner, Upper())
    assert await read_all(reply) == [b"A", last.upper()]
    assert (reply.failure, inner.closed) == (failure, True)


async def test_a_closed_stream_gives_nothing() -> None:
    inner = event_stream(b"a")
    reply = TransformedStream(inner, Upper())
    reply.close()
    assert (await reply.read(), inner.closed) == (b"", True)


async def test_a_plain_reply_is_changed_at_once() -> None:
    inner = FakeReply(200, b"a", b"b", headers=[(b"content-length", b"2"), (b"x", b"1")])
    reply = TransformedReply(inner, bytes.upper, 10)
    assert reply.headers == [(b"x", b"1")]
    assert (await read_all(reply), reply.failure) == ([b"AB"], None)


async def test_it_may_turn_out_to_be_a_failure() -> None:
    reply = TransformedReply(json_reply(b"a"), lambda _: TOO_LARGE, 10)
    assert (await read_all(reply), reply.failure) == ([], TOO_LARGE)


async def test_a_large_reply_passes_as_it_came() -> None:
    reply = TransformedReply(FakeReply(200, b"aaa", b"bbb", b"ccc"), bytes.upper, 4)
    assert (await read_all(reply), reply.failure) == ([b"aaabbb", b"ccc"], None)


async def test_or_is_refused_and_closed() -> None:
    inner = FakeReply(200, b"aaa", b"bbb", b"ccc")
    reply = TransformedReply(inner, bytes.upper, 4, too_large=lambda: TOO_LARGE)
    assert (await read_all(reply), reply.failure, inner.closed) == ([], TOO_LARGE, True)


@pytest.mark.parametrize(("strict", "pieces"), [(False, [b"ab"]), (True, [])])
async def test_a_cut_reply_is_not_changed(strict: bool, pieces: list[bytes]) -> None:
    """It passes as far as it came where it may pass at all."""
    too_large = (lambda: TOO_LARGE) if strict else None
    reply = TransformedReply(FakeReply(200, b"a", b"b", cut=CUT), bytes.upper, 10, too_large=too_large)
    assert (await read_all(reply), reply.failure) == (pieces, CUT)


def test_another_body_has_headers_of_its_own() -> None:
    reply = FakeReply(200, headers=[(b"content-type", b"a"), (b"transfer-encoding", b"chunked"), (b"x", b"1")])
    assert headers_for(reply, b"application/json") == [(b"content-type", b"application/json"), (b"x", b"1")]


def test_what_is_of_no_use_is_told_with_its_provider() -> None:
    failure = unusable("groq", "sent nonsense")
    assert (failure.kind, failure.message, failure.sent) == (
        Kind.INVALID_RESPONSE, "The provider groq sent nonsense.", True,
    )  # fmt: skip


def upper(body: bytes) -> bytes | Failure:
    return body.upper() if body[:1] != b"!" else TOO_LARGE


async def test_a_large_reply_is_changed_in_a_process_and_given_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, object]] = []

    async def noted(size: int, work: Any, *arguments: Any) -> Any:
        asked.append((size, work))
        return await aside(size, work, *arguments)

    monkeypatch.setattr(wrapped_reply, "aside", noted)
    body = b"x" * (3 << 20)
    large = TransformedReply(json_reply(body), upper, 8 << 20, is_portable=True)
    pieces = await read_all(large)
    assert b"".join(pieces) == body.upper()
    assert max(map(len, pieces)) == 256 << 10
    assert asked == [(len(body), wrapped_reply.changed_large)]
    refused = TransformedReply(json_reply(b"!" + body), upper, 8 << 20, is_portable=True)
    assert await read_all(refused) == []
    assert refused.failure is TOO_LARGE


async def test_a_large_reply_that_no_process_can_change(monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(*_: Any) -> Any:
        raise WorkError("it takes too long")

    monkeypatch.setattr(wrapped_reply, "aside", failing)
    reply = TransformedReply(json_reply(b"x" * (3 << 20)), upper, 8 << 20, is_portable=True)
    assert await read_all(reply) == []
    assert reply.failure is not None
    assert (reply.failure.kind, "it takes too long" in reply.failure.message) == (Kind.INVALID_RESPONSE, True)


@pytest.mark.parametrize(
    ("pieces", "passed"),
    [
        ([b"a", b"-", b"b"], [b"A", b"B", b"."]),
        ([b"a", b"b!", b"c"], [b"A", b"B!"]),
        ([b"a", b"?", b"c"], [b"A", b"?"]),
        ([b"x" * (LARGE + 1), b"b"], [b"X" * (LARGE + 1), b"B", b"."]),
    ],
)
async def test_a_changed_stream_is_passed_on_as_it_is_read(pieces: list[bytes], passed: list[bytes]) -> None:
    seen: list[bytes] = []
    inner = FakeReply(200, *pieces)
    await TransformedStream(inner, Upper()).pass_on(seen.append)
    assert seen == passed
    assert await read_all(TransformedStream(FakeReply(200, *pieces), Upper())) == passed


BLANKS = b" \r\n" * 300


@pytest.mark.parametrize("size", [1, 5, 10_000])
@pytest.mark.parametrize(
    ("data", "first"),
    [
        (b"", b""),
        (BLANKS + b"{}", BLANKS + b"{"),
        (sse.BOM + BLANKS + b"[]", sse.BOM + BLANKS + b"["),
        (BLANKS + b"data: {}\n\n" + b"x" * 99, BLANKS + b"data: {}\n\nxxxxxx"),
        (BLANKS * 2, (BLANKS * 2)[:1025]),
    ],
)
async def test_the_first_bytes_are_those_that_tell_what_it_is(data: bytes, first: bytes, size: int) -> None:
    reply = FakeReply(200, *[data[at : at + size] for at in range(0, len(data), size)])
    read = await first_bytes(reply)
    assert read.startswith(first)
    assert len(read) < len(first) + size


@pytest.mark.parametrize(
    ("data", "first"),
    [
        (b'\n\n{"a":1}\n{"b":2}\n', b'\n\n{"a":1}\n'),
        (b'{"a":1}', b'{"a":1}'),
        (b"[" + b"1" * (LARGE + 9), b"[" + b"1" * LARGE),
        (b"data: {}\n\n" + b"x" * 99, b"data: {}\n\nxxxxxx"),
    ],
)
async def test_of_lines_the_whole_first_one_tells(data: bytes, first: bytes) -> None:
    reply = FakeReply(200, *[data[at : at + 1] for at in range(len(data))])
    assert await first_bytes(reply, with_line=True) == first


async def test_of_a_large_piece_others_have_their_turn_in_between() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.ensure_future(count())
    first, second = bytes(range(256)) * 200, b"x" * 40_000
    inner = FakeReply(200, second, b"y")
    pieces = await read_all(InTurns(inner, first))
    other.cancel()
    assert b"".join(pieces) == first + second + b"y"
    assert (max(map(len, pieces)), turns >= 4) == (16 << 10, True)
    closed = InTurns(FakeReply(200), first)
    closed.close()
    assert await closed.read() == b""
