"""Embeddings of the built-in provider: as many as inputs, in order, the same for the same text, in both encodings."""

from __future__ import annotations

import base64
import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.failure import Failure
from penstock.core.http import Limits, Origin
from penstock.transport.base import Request
from penstock.transport.echo import EchoTransport


async def embed(given_: Any, **members: Any) -> tuple[int, dict[str, Any]]:
    body = json.dumps({"model": "echo", "input": given_, **members}).encode()
    reply = await EchoTransport().send(Request(Origin("echo", "echo", 0), b"POST", b"/embeddings", b"", body, Limits()))
    assert not isinstance(reply, Failure)
    return reply.status, json.loads(await reply.read())


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
async def test_one_vector_for_each_input(texts: list[str]) -> None:
    status, reply = await embed(texts)
    assert (status, reply["object"], reply["model"]) == (200, "list", "echo")
    assert [item["index"] for item in reply["data"]] == list(range(len(texts)))
    known: dict[str, list[float]] = {}
    for text, item in zip(texts, reply["data"], strict=True):
        assert math.isclose(math.hypot(*item["embedding"]), 1)
        assert known.setdefault(text, item["embedding"]) == item["embedding"]
    assert len({tuple(vector) for vector in known.values()}) == len(known)
    assert reply["usage"]["prompt_tokens"] == reply["usage"]["total_tokens"]


async def test_both_encodings_are_one_vector() -> None:
    _, numbers = await embed("hello", dimensions=5)
    _, packed = await embed(["hello"], dimensions=5, encoding_format="base64")
    told = struct.unpack("<5f", base64.b64decode(packed["data"][0]["embedding"]))
    assert told == pytest.approx(numbers["data"][0]["embedding"], abs=1e-6)
    assert numbers["usage"] == {"prompt_tokens": 2, "total_tokens": 2}


@pytest.mark.parametrize(("given_", "vectors"), [([1, 2, 3], 1), ([[1, 2], [3]], 2), (["a", [1]], 2)])
async def test_tokens_are_taken_too(given_: Any, vectors: int) -> None:
    status, reply = await embed(given_)
    assert (status, len(reply["data"])) == (200, vectors)


@pytest.mark.parametrize(
    ("given_", "members"),
    [([], {}), ([1, "a"], {}), (None, {}), ("a", {"dimensions": 0}), ({"a": 1}, {}), ("a", {"model": 5})],
)
async def test_what_is_no_request_is_refused(given_: Any, members: dict[str, Any]) -> None:
    status, reply = await embed(given_, **members)
    assert (status, reply["error"]["type"]) == (400, "invalid_request_error")
