"""Vectors as OpenAI's reply: as many as there are inputs, numbers kept as they were written."""

from __future__ import annotations

import base64
import json
import struct

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.failure import Failure
from penstock.dialects.embeddings.reply import ReplyForm, Vectors, read, write


def form(count: int, *, is_base64: bool = False) -> ReplyForm:
    return ReplyForm(count, is_base64, "m", "host")


@given(
    st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=5), max_size=5)
)
def test_base64_is_the_same_numbers(vectors: list[list[float]]) -> None:
    raw = [json.dumps(vector).encode() for vector in vectors]
    plain = write(raw, 7, form(len(vectors)))
    packed = write(raw, 7, form(len(vectors), is_base64=True))
    assert isinstance(plain, bytes)
    assert isinstance(packed, bytes)
    assert [item["embedding"] for item in json.loads(plain)["data"]] == vectors
    for item, vector in zip(json.loads(packed)["data"], vectors, strict=True):
        assert list(struct.unpack(f"<{len(vector)}f", base64.b64decode(item["embedding"]))) == vector


def test_numbers_keep_their_digits() -> None:
    told = write([b"[0.10, 1e-7]"], None, form(1))
    assert isinstance(told, bytes)
    assert b"[0.10, 1e-7]" in told
    assert json.loads(told)["usage"] == {"prompt_tokens": 0, "total_tokens": 0}


def test_never_fewer_vectors_than_inputs() -> None:
    failure = write([b"[1]"], 1, form(2))
    assert isinstance(failure, Failure)
    assert "1 embeddings of 2 inputs" in failure.message
    for vector in (b"{}", b"null", b"3"):
        assert isinstance(write([vector], 1, form(1)), Failure)
    assert isinstance(write([b'["x"]'], 1, form(1, is_base64=True)), Failure)
    assert isinstance(write([b"[1e300]"], 1, form(1, is_base64=True)), Failure)


def test_a_reply_is_read_in_the_order_of_the_inputs() -> None:
    told = {"data": [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1]}], "model": "m"}
    vectors = read(json.dumps(told).encode(), "host", 2)
    assert isinstance(vectors, Vectors)
    assert [bytes(each) for each in vectors.vectors] == [b"[1]", b"[2]"]
    for count in (1, 3):
        failure = read(json.dumps(told).encode(), "host", count)
        assert isinstance(failure, Failure)
        assert f"2 embeddings of {count} inputs" in failure.message
