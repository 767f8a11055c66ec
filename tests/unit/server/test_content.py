"""Media types that surfaces take, and the fields of forms."""

from __future__ import annotations

import asyncio

import pytest

from penstock.core.failure import Failure, Kind
from penstock.dialects.caller import RequestBody
from penstock.dialects.registry import ENDPOINTS
from penstock.server.content import BodyKind, content_type_refused, read_fields

FORM = b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n--b--\r\n'
FIELDS = {b"content-type": b"multipart/form-data; boundary=b"}


def read(data: bytes, fields: dict[bytes, bytes] = FIELDS) -> RequestBody | Failure:
    return asyncio.run(read_fields(data, fields, ENDPOINTS["transcripts"]))


@pytest.mark.parametrize(
    ("content_type", "kind", "is_taken"),
    [
        (b"application/json", BodyKind.JSON, True),
        (b"", BodyKind.JSON, True),
        (b"Application/JSON; charset=utf-8", BodyKind.JSON, True),
        (b"multipart/form-data; boundary=x", BodyKind.JSON, False),
        (b"multipart/form-data; boundary=x", BodyKind.MULTIPART, True),
        (b"application/json", BodyKind.MULTIPART, False),
        (b"", BodyKind.MULTIPART, False),
        (b"application/json", BodyKind.FORM_OR_JSON, True),
        (b"multipart/form-data; boundary=x", BodyKind.FORM_OR_JSON, True),
        (b"text/plain", BodyKind.FORM_OR_JSON, False),
    ],
)
def test_content_types(content_type: bytes, kind: bytes, is_taken: bool) -> None:
    failure = content_type_refused({b"content-type": content_type}, kind)
    assert (failure is None) is is_taken
    if failure is not None:
        assert failure.kind is Kind.INVALID_CONTENT_TYPE


def test_the_fields_of_a_form() -> None:
    body = read(FORM % (b"model", b"whisper-1"))
    assert isinstance(body, RequestBody)
    assert (body.model, body.stream) == ("whisper-1", False)
    streamed = read(FORM % (b"stream", b"true"))
    assert isinstance(streamed, RequestBody)
    assert (streamed.model, streamed.stream) == (None, True)


@pytest.mark.parametrize("data", [b"", FORM % (b"model", b""), FORM % (b"model", b"m" * 2049), b"{}"])
def test_forms_that_are_refused(data: bytes) -> None:
    failure = read(data)
    assert isinstance(failure, Failure)
    assert failure.status == 400
    assert "form" in failure.message


def test_two_models_are_refused() -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n'
    failure = read(part + part + b"--b--\r\n")
    assert isinstance(failure, Failure)
    assert failure.param == "model"


def test_a_form_without_a_boundary() -> None:
    assert isinstance(read(b"", {b"content-type": b"multipart/form-data"}), Failure)
