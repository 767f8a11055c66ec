"""Unpacking a request's body: whole, bounded, and in steps."""

from __future__ import annotations

import gzip
import os
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.failure import Failure, Kind
from penstock.server.bodies.buffering import BodyBudget, BodyHold
from penstock.server.bodies.unpack import unpack

MB = 1 << 20


def hold(limit: int = 0) -> BodyHold:
    return BodyHold(BodyBudget(limit))


def kind_of(body: bytes | Failure) -> Kind:
    assert isinstance(body, Failure)
    return body.kind


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=20))
async def test_any_members_are_one_body(parts: list[bytes]) -> None:
    assert await unpack(b"".join(map(gzip.compress, parts)), b"gzip", MB, hold()) == b"".join(parts)


@pytest.mark.parametrize("size", [0, 1, 256 << 10, (256 << 10) + 1, 3 * MB, 9 * MB])
async def test_any_size(size: int) -> None:
    plain = os.urandom(size)
    held = hold()
    assert await unpack(gzip.compress(plain, 1), b"x-gzip", 10 * MB, held) == plain
    assert await unpack(plain, b"identity", MB, held) == plain


async def test_nothing_beyond_the_limit_is_unpacked() -> None:
    packed = gzip.compress(b"a" * 3 * MB)
    assert kind_of(await unpack(packed, b"gzip", MB, hold())) is Kind.BODY_TOO_LARGE
    assert kind_of(await unpack(packed, b"gzip", 100, hold())) is Kind.BODY_TOO_LARGE


async def test_a_bomb_ends_long_before_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    produced = 0
    real = zlib.decompressobj

    class Counting:
        def __init__(self, window: int) -> None:
            self._inner = real(window)

        def decompress(self, data: bytes, most: int) -> bytes:
            nonlocal produced
            plain = self._inner.decompress(data, most)
            produced += len(plain)
            return plain

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

    packed = gzip.compress(b" " * (64 * MB))
    monkeypatch.setattr(zlib, "decompressobj", Counting)
    failure = await unpack(packed, b"gzip", 100 * MB, hold())
    assert kind_of(failure) is Kind.BODY_TOO_LARGE
    assert "200 times" in failure.message  # type: ignore[union-attr]
    assert produced < 20 * MB


async def test_unpacked_bytes_count_against_the_budget() -> None:
    packed = gzip.compress(os.urandom(2 * MB).hex().encode(), 1)
    assert kind_of(await unpack(packed, b"gzip", 100 * MB, hold(3 * MB))) is Kind.BODIES_EXHAUSTED


@pytest.mark.parametrize(
    "packed",
    [b"", b"plain", gzip.compress(b"a")[:-1], gzip.compress(b"a")[:5], gzip.compress(b"a") + b"b", gzip.compress(b"a") + b"\0",
     gzip.compress(b"a") + gzip.compress(b"b")[:-2], gzip.compress(b"a") * 100, zlib.compress(b"a"),
     bytes([*gzip.compress(b"a")[:-6], 9, *gzip.compress(b"a")[-5:]])],
    ids=["empty", "plain", "cut", "cut head", "rubbish", "zero", "cut member", "many members", "deflate", "checksum"],
)  # fmt: skip
async def test_what_is_no_gzip(packed: bytes) -> None:
    assert kind_of(await unpack(packed, b"gzip", MB, hold())) is Kind.INVALID_REQUEST


async def test_other_codings_are_refused() -> None:
    for encoding in (b"br", b"zstd", b"gzip, br", b"compress"):
        assert kind_of(await unpack(b"a", encoding, MB, hold())) is Kind.UNSUPPORTED_ENCODING


async def test_deflate_is_read_as_gzip_is() -> None:
    """RFC 9110, 8.4.1.2: it has zlib's wrapping."""
    plain = b"a" * 3 * MB + os.urandom(MB)
    assert await unpack(zlib.compress(plain), b"deflate", 10 * MB, hold()) == plain
    for packed in (b"", b"plain", zlib.compress(b"a")[:-1], zlib.compress(b"a") + b"b", gzip.compress(b"a")):
        assert kind_of(await unpack(packed, b"deflate", MB, hold())) is Kind.INVALID_REQUEST
    assert kind_of(await unpack(zlib.compress(b" " * (64 * MB)), b"deflate", 100 * MB, hold())) is Kind.BODY_TOO_LARGE
