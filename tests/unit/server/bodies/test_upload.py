"""What is read of an upload, and what passes."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import cast

import pytest

from penstock.core.failure import Failure, Kind
from penstock.dialects.registry import CALLERS
from penstock.server.bodies.arriving_body import ArrivingBody
from penstock.server.bodies.buffering import BodyBudget, BodyHold
from penstock.server.bodies.media_types import BodyKind
from penstock.server.bodies.upload import SMALLEST, Upload, begin_upload, may_stream

CHAT = CALLERS["openai_chat"]
FORM = {b"content-type": b"multipart/form-data; boundary=bb"}


class Pieces:
    """A body that has come, in pieces."""

    def __init__(self, data: bytes, size: int, budget: int = 0) -> None:
        self.declared = len(data)
        self.hold = BodyHold(BodyBudget(budget))
        self._pieces = [data[at : at + size] for at in range(0, len(data), size)]

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


def field(name: str, value: str, file: str = "") -> bytes:
    named = f'; filename="{file}"' if file else ""
    return f'--bb\r\ncontent-disposition: form-data; name="{name}"{named}\r\n\r\n{value}\r\n'.encode()


END = b"--bb--\r\n"


def begun(data: bytes, kind: bytes, size: int = 7, limit: int = 1 << 20, budget: int = 0) -> object:
    fields = FORM if kind is not BodyKind.ANY else {b"content-type": b"application/pdf"}
    arriving = cast("ArrivingBody", Pieces(data, size, budget))
    return asyncio.run(begin_upload(arriving, limit, fields, kind, CHAT))


def rest_of(upload: Upload) -> bytes | Failure:
    async def read() -> bytes | Failure:
        body = b""
        while piece := await upload.read():
            if isinstance(piece, Failure):
                return piece
            body += piece
        return body

    return asyncio.run(read())


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1000])
def test_the_fields_before_the_file_in_any_pieces(size: int) -> None:
    head, rest = field("model", "m") + field("language", "de"), field("file", "x\r\n--b" * 9, "a.wav") + END
    result = begun(head + rest, BodyKind.MULTIPART, size)
    assert isinstance(result, tuple)
    upload, request = result
    assert (upload.head, upload.rest, request.model) == (head, len(rest), "m")
    assert request.form.is_head
    assert request.body.value("language") == "de"
    assert not upload.is_begun
    assert rest_of(upload) == rest
    assert upload.is_begun


def test_a_form_whose_model_stands_behind_its_file_is_read_whole() -> None:
    data = field("file", "x", "a.wav") + field("model", "m") + END
    assert begun(data, BodyKind.MULTIPART) == data
    refused = begun(data, BodyKind.MULTIPART, limit=40)
    assert isinstance(refused, Failure)
    assert refused.kind is Kind.BODY_TOO_LARGE


def test_a_form_that_is_held_takes_of_the_budget() -> None:
    refused = begun(field("file", "x" * 5000, "a") + field("model", "m") + END, BodyKind.MULTIPART, 1000, budget=2000)
    assert isinstance(refused, Failure)
    assert refused.kind is Kind.BODIES_EXHAUSTED


@pytest.mark.parametrize(
    "behind", [field("model", "other"), field("stream", "true"), field("x", "1") + b"--bb\r\nno head\r\n\r\n"]
)
def test_what_may_not_stand_behind_a_file(behind: bytes) -> None:
    result = begun(field("model", "m") + field("file", "x", "a") + behind + END, BodyKind.MULTIPART)
    assert isinstance(result, tuple)
    failure = rest_of(result[0])
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.sent) == (Kind.INVALID_REQUEST, False)


def test_a_whole_form_is_read_again() -> None:
    data = field("model", "m") + field("file", "x", "a") + field("n", "2") + END
    result = begun(data, BodyKind.MULTIPART)
    assert isinstance(result, tuple)
    whole = asyncio.run(result[0].whole())
    assert isinstance(whole, tuple)
    assert whole[0] == data
    assert whole[1] is not None
    assert whole[1].body.value("n") == "2"


def test_bytes_that_nobody_reads() -> None:
    result = begun(b"  \x00\x01" * 40, BodyKind.ANY, 2)
    assert isinstance(result, tuple)
    assert result[0].head == b"  \x00\x01"
    assert result[1] is None
    assert begun(b'  {"model": 1}', BodyKind.ANY, 3) == b'  {"model": 1}'


@pytest.mark.parametrize("size", [1, 2, 3, 4, 4096])
@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\xef\xbb\xbf \n", b"\r\n\t ", b" " * 6000])
def test_json_is_read_whole_whatever_stands_before_it(before: bytes, size: int) -> None:
    data = before + b'{"model": "m"}'
    assert begun(data, BodyKind.ANY, size) == data


def test_texts_behind_a_file_are_held_no_more_than_files_are() -> None:
    text = "x" * (1 << 19)
    behind = b"".join(field(f"t{number}", text) for number in range(40)) + END
    result = begun(field("model", "m") + field("file", "x", "a") + behind, BodyKind.MULTIPART, 1 << 16)
    assert isinstance(result, tuple)
    upload = result[0]

    async def read() -> int:
        size = 0
        while piece := await upload.read():
            assert isinstance(piece, bytes)
            size += len(piece)
        return size

    tracemalloc.start()
    try:
        assert asyncio.run(read()) > len(behind)
        assert tracemalloc.get_traced_memory()[1] < 3 << 20
    finally:
        tracemalloc.stop()


def test_which_bodies_may_pass() -> None:
    large = str(SMALLEST + 1).encode()
    pdf = {b"content-type": b"application/pdf", b"content-length": large}
    assert may_stream(pdf, BodyKind.ANY)
    assert may_stream({**FORM, b"transfer-encoding": b"chunked"}, BodyKind.MULTIPART)
    assert may_stream({**FORM, b"content-length": large}, BodyKind.FORM_OR_JSON)
    for refused in (
        {**pdf, b"content-length": str(SMALLEST).encode()},
        {**pdf, b"content-type": b"application/vnd.x+json"},
        {**pdf, b"content-encoding": b"gzip"},
        {},
    ):
        assert not may_stream(refused, BodyKind.ANY)
    assert not may_stream({b"content-length": large, b"content-type": b"application/json"}, BodyKind.FORM_OR_JSON)
    assert not may_stream({**FORM, b"content-length": large}, BodyKind.JSON)
