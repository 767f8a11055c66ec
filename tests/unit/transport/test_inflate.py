"""Unpacking a compressed reply that comes in any pieces, from a reply without a network."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.transport.base import Reply
from penstock.transport.inflate import inflated

PLAIN = bytes(range(256)) * 4 + b"a" * 5000
STEP = 256 << 10


class Pieces:
    """A ``Reply`` that gives one piece a read."""

    def __init__(self, *pieces: bytes, encoding: bytes = b"gzip", failure: Failure | None = None) -> None:
        self.status = 200
        self.headers: Headers = [(b"content-encoding", encoding), (b"content-length", b"1"), (b"x", b"y")]
        self.failure: Failure | None = None
        self.closed = False
        self._pieces = [piece for piece in pieces if piece]
        self._last = failure

    async def read(self) -> bytes:
        if self._pieces:
            return self._pieces.pop(0)
        self.failure = self._last
        return b""

    def close(self) -> None:
        self.closed = True


async def unpack(reply: Reply) -> tuple[bytes, Failure | None]:
    pieces = []
    while piece := await reply.read():
        pieces.append(piece)
    return b"".join(pieces), reply.failure


def cut(data: bytes, marks: list[int]) -> list[bytes]:
    edges = [0, *sorted({mark % (len(data) + 1) for mark in marks}), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(st.lists(st.integers(0, 2000), max_size=10), st.sampled_from([b"gzip", b"x-gzip", b"GZIP", b"deflate"]))
def test_any_split_gives_the_same_body(marks: list[int], encoding: bytes) -> None:
    packed = zlib.compress(PLAIN) if encoding == b"deflate" else gzip.compress(PLAIN)
    reply = inflated(Pieces(*cut(packed, marks), encoding=encoding), "h")
    assert reply.headers == [(b"x", b"y")]
    assert asyncio.run(unpack(reply)) == (PLAIN, None)


@given(st.lists(st.integers(0, 200), max_size=6))
def test_gzip_may_come_in_members(marks: list[int]) -> None:
    packed = gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two")
    assert asyncio.run(unpack(inflated(Pieces(*cut(packed, marks)), "h"))) == (b"one two", None)


async def test_all_that_a_piece_holds_comes_before_the_next_piece() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    first = packer.compress(b"a" * (2 * STEP + 100)) + packer.flush(zlib.Z_SYNC_FLUSH)
    inner = Pieces(first, packer.compress(b"b") + packer.flush())
    reply = inflated(inner, "h")
    sizes: list[int] = []
    while sum(sizes) < 2 * STEP + 100:
        assert len(inner._pieces) == (1 if sizes else 2)
        sizes.append(len(await reply.read()))
    assert sizes == [STEP, STEP, 100]
    assert await unpack(reply) == (b"b", None)


@pytest.mark.parametrize("size", [STEP - 1, STEP, STEP + 1, 2 * STEP])
async def test_bodies_about_as_long_as_a_step(size: int) -> None:
    packed = gzip.compress(b"a" * size)
    assert await unpack(inflated(Pieces(packed), "h")) == (b"a" * size, None)


async def test_an_empty_body_is_not_cut() -> None:
    assert await unpack(inflated(Pieces(), "h")) == (b"", None)


async def test_others_get_their_turn_while_a_bomb_is_unpacked() -> None:
    reply, turns = inflated(Pieces(gzip.compress(b"\0" * (20 * STEP))), "h"), 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.ensure_future(count())
    body, failure = await unpack(reply)
    assert (len(body), failure) == (20 * STEP, None)
    assert turns >= 19
    other.cancel()


@pytest.mark.parametrize(
    ("packed", "kind"),
    [
        (gzip.compress(PLAIN)[:-1], Kind.TRUNCATED),
        (gzip.compress(PLAIN)[:5], Kind.TRUNCATED),
        (gzip.compress(PLAIN) + b"\x1f", Kind.TRUNCATED),
        (gzip.compress(PLAIN)[:-6] + b"\0" * 6, Kind.INVALID_RESPONSE),
        (gzip.compress(PLAIN) + b"garbage", Kind.INVALID_RESPONSE),
        (PLAIN, Kind.INVALID_RESPONSE),
    ],
)
async def test_damage_is_told_and_ends_the_reply(packed: bytes, kind: Kind) -> None:
    inner = Pieces(packed)
    reply = inflated(inner, "api.example.com")
    _, failure = await unpack(reply)
    assert failure is not None
    assert (failure.kind, failure.sent) == (kind, True)
    assert "api.example.com" in failure.message
    assert inner.closed
    assert await reply.read() == b""


async def test_the_failure_of_the_reply_itself_comes_first() -> None:
    broken = Failure(Kind.TRUNCATED, "cut", sent=True)
    _, failure = await unpack(inflated(Pieces(gzip.compress(PLAIN)[:20], failure=broken), "h"))
    assert failure is broken


async def test_other_encodings_are_none_of_our_business() -> None:
    inner = Pieces(b"x", encoding=b"br")
    assert inflated(inner, "h") is inner


@pytest.mark.parametrize(("kind", "most"), [(b"text/event-stream", 16 << 10), (b"application/json", STEP)])
async def test_of_a_stream_no_more_is_read_at_once_than_others_can_wait_for(kind: bytes, most: int) -> None:
    inner = Pieces(gzip.compress(b": ping\n\n" * STEP))
    inner.headers.append((b"content-type", kind))
    reply = inflated(inner, "h")
    sizes = []
    while piece := await reply.read():
        sizes.append(len(piece))
    assert (max(sizes), sum(sizes)) == (most, 8 * STEP)
