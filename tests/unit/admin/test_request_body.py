"""Bodies within bounds."""

import gzip
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from penstock.admin.request_body import LARGEST, Gone, decode, read_body
from penstock.control.refusal import Refusal
from penstock.core.failure import Failure, Kind


def receiving(*messages: dict[str, Any]) -> Callable[[], Awaitable[Any]]:
    left = list(messages)

    async def receive() -> Any:
        return left.pop(0)

    return receive


def piece(body: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_pieces_are_joined() -> None:
    assert await read_body(receiving(piece(b"a", more=True), piece(b"b")), {}) == b"ab"


async def test_a_body_is_bounded_packed_and_unpacked() -> None:
    with pytest.raises(Refusal, match="larger than"):
        await read_body(receiving(piece(b"x" * LARGEST, more=True), piece(b"x")), {})
    packed = {"content-encoding": "gzip"}
    assert await read_body(receiving(piece(gzip.compress(b"{}"))), packed) == b"{}"
    with pytest.raises(Refusal, match="larger than"):
        await read_body(receiving(piece(gzip.compress(b"x" * (LARGEST + 1)))), packed)
    with pytest.raises(Refusal, match="no gzip"):
        await read_body(receiving(piece(b"x")), packed)
    with pytest.raises(Refusal, match="gzip or identity"):
        await read_body(receiving(piece(b"x")), {"content-encoding": "br"})


async def test_a_caller_who_left_and_a_server_that_refuses() -> None:
    with pytest.raises(Gone):
        await read_body(receiving({"type": "http.disconnect"}), {})
    failure = Failure(Kind.BODY_TOO_LARGE, "too large")
    with pytest.raises(Refusal, match="too large"):
        await read_body(receiving({"type": "http.disconnect", "failure": failure}), {})


def test_json_of_bounded_depth() -> None:
    assert decode(b" ") == {}
    assert decode(b'{"a": [1]}') == {"a": [1]}
    for bad in (b"{", b"[" * 100 + b"]" * 100, b"\xff"):
        with pytest.raises(Refusal):
            decode(bad)
