"""Media types that surfaces take, and the fields of forms."""

from __future__ import annotations

import asyncio

import pytest

from penstock.core.failure import Failure, Kind
from penstock.dialects.caller import RequestBody
from penstock.dialects.registry import CALLERS, ENDPOINTS
from penstock.server.bodies.media_types import BodyKind, content_type_refused, read_any, read_fields

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
        (b"text/plain", BodyKind.FORM_OR_JSON, True),
        (b"text/plain", BodyKind.JSON, True),
        (b"text/plain;charset=UTF-8", BodyKind.JSON, True),
        (b"text/plain", BodyKind.MULTIPART, False),
        (b"text/html", BodyKind.JSON, False),
        (b"application/x-www-form-urlencoded", BodyKind.JSON, False),
        (b"text/plain; charset=utf-8", BodyKind.JSON_BY_CURL, True),
        (b"application/x-www-form-urlencoded", BodyKind.JSON_BY_CURL, True),
        (b"application/json", BodyKind.JSON_BY_CURL, True),
        (b"", BodyKind.JSON_BY_CURL, True),
        (b"application/xml", BodyKind.JSON_BY_CURL, False),
        (b"multipart/form-data; boundary=x", BodyKind.JSON_BY_CURL, False),
    ],
)
def test_content_types(content_type: bytes, kind: bytes, is_taken: bool) -> None:
    failure = content_type_refused({b"content-type": content_type}, kind)
    assert (failure is None) is is_taken
    if failure is not None:
        assert failure.kind is Kind.INVALID_CONTENT_TYPE


@pytest.mark.parametrize("field", [b"origin", b"sec-fetch-site"])
def test_a_form_of_a_web_page_is_no_json(field: bytes) -> None:
    fields = {b"content-type": b"application/x-www-form-urlencoded", field: b"x"}
    failure = content_type_refused(fields, BodyKind.JSON_BY_CURL)
    assert failure is not None
    assert failure.message == "This endpoint takes JSON: send the header content-type: application/json."
    for content_type in (b"application/json", b"TEXT/PLAIN ;a=b"):
        assert content_type_refused({**fields, b"content-type": content_type}, BodyKind.JSON_BY_CURL) is None


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


def any_body(data: bytes, content_type: str) -> RequestBody | Failure | None:
    return asyncio.run(read_any(data, {b"content-type": content_type.encode()}, CALLERS["openai_chat"]))


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "APPLICATION/JSON; charset=utf-8",
        "application/x+json",
        "text/plain",
        "",
        "application/octet-stream",
        "multipart/form-data; boundary=b",
    ],
)
def test_an_object_is_read_whatever_its_media_type_says(content_type: str) -> None:
    for data in (b' \r\n{"model":"m"}', b'\xef\xbb\xbf{"model":"m"}'):
        read = any_body(data, content_type)
        assert isinstance(read, RequestBody)
        assert read.model == "m"


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"", "application/json"),
        (b"[1]", "application/json"),
        (b"{}\n{}\n", "application/jsonl"),
        (b"\x00\xff", "text/plain"),
        (b"--b\r\n", "multipart/form-data; boundary=b"),
    ],
)
def test_any_other_body_is_not_looked_into(data: bytes, content_type: str) -> None:
    assert any_body(data, content_type) is None


@pytest.mark.parametrize("data", ['{"model":"m"}'.encode("utf-16"), b'{"model":"m"', b"x"])
@pytest.mark.parametrize("content_type", ["application/json", "application/x+json"])
def test_what_says_it_is_json_must_be(data: bytes, content_type: str) -> None:
    failure = any_body(data, content_type)
    assert isinstance(failure, Failure)
    assert failure.status == 400
