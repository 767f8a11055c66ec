"""What a request's body is: the media types that a surface takes, and forms as the pipeline reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.core.form import Form, FormError, boundary_of, read_form
from penstock.core.json_beginning import is_object
from penstock.core.json_text import read_json
from penstock.dialects.caller import CallerDialect, RequestBody
from penstock.pipeline.off_loop.thread import LARGE, off_loop


class BodyKind:
    """What a surface takes as its body: its media types, separated by a comma and a space."""

    JSON: Final = b"application/json"
    JSON_BY_CURL: Final = b"application/json, application/x-www-form-urlencoded"
    """JSON, also of clients that don't say so: ``curl -d`` calls it a form."""
    MULTIPART: Final = b"multipart/form-data"
    FORM_OR_JSON: Final = b"multipart/form-data, application/json"
    ANY: Final = b"*/*"
    NONE: Final = b""


_WORDS: Final = {BodyKind.JSON: "JSON", BodyKind.MULTIPART: "a form"}
_UNSAID: Final = frozenset({b"", b"text/plain"})
"""Media types of JSON that doesn't say so: ``navigator.sendBeacon`` calls any text plain. Any web page can send them to
anybody without leave (Fetch standard, "CORS-safelisted request-header"): which pages may is judged by origin.py."""
_FORM: Final = b"application/x-www-form-urlencoded"
"""What a browser sends so is a form that a person has filled in, and no JSON."""
_LONGEST_MODEL: Final = 2048


def media_type_of(fields: Mapping[bytes, bytes]) -> bytes:
    """The media type of a request's body, in lower case and without parameters."""
    return fields.get(b"content-type", b"").partition(b";")[0].strip().lower()


def content_type_refused(fields: Mapping[bytes, bytes], kind: bytes) -> Failure | None:
    """The failure of a request whose body is of another media type than the surface takes."""
    if fields.get(b"content-type") == kind or kind is BodyKind.ANY:
        return None
    media_type, kinds = media_type_of(fields), kind.split(b", ")
    is_taken = media_type in kinds or (media_type in _UNSAID and BodyKind.JSON in kinds)
    if is_taken and not (media_type == _FORM and (b"origin" in fields or b"sec-fetch-site" in fields)):
        return None
    words = " or ".join([_WORDS[each] for each in kinds if each in _WORDS])
    return Failure(
        Kind.INVALID_CONTENT_TYPE,
        f"This endpoint takes {words}: send the header content-type: {kinds[0].decode()}.",
        "content-type",
        "Invalid content type passed",
    )


async def read_any(data: bytes, fields: Mapping[bytes, bytes], dialect: CallerDialect) -> RequestBody | Failure | None:
    """The members of a JSON object, whatever its media type says: hosts differ in the types that they read as JSON.

    None for any other body, which nobody looks into. The failure of a body that says it is JSON and isn't: a host may
    read it all the same, in UTF-16 for example.
    """
    is_said = says_json(fields)
    if not data or not (is_said or is_object(data)):
        return None

    def read() -> RequestBody | Failure | None:
        request = dialect.reading.body(data)
        if isinstance(request, RequestBody):
            return request
        return request if is_said and not _is_other_json(data) else None

    return await off_loop(read) if len(data) > LARGE else read()


def says_json(fields: Mapping[bytes, bytes]) -> bool:
    """Whether the header says that the body is JSON."""
    media_type = media_type_of(fields)
    return media_type == BodyKind.JSON or media_type.endswith(b"+json")


def _is_other_json(data: bytes) -> bool:
    """Whether a body is JSON, and no object."""
    try:
        return not isinstance(read_json(data), dict)
    except ValueError:
        return False


async def read_fields(data: bytes, fields: Mapping[bytes, bytes], dialect: CallerDialect) -> RequestBody | Failure:
    """The text fields of a form, found in one pass over its bytes."""

    def read() -> Form:
        return read_form(data, boundary_of(fields.get(b"content-type", b"")))

    try:
        form = await off_loop(read) if len(data) > LARGE else read()
    except FormError as error:
        return Failure(Kind.INVALID_REQUEST, f"The gateway could not read the form: {error}.")
    return form_request(form, dialect)


def form_request(form: Form, dialect: CallerDialect) -> RequestBody | Failure:
    """A form as a request; the failure where its model is none."""
    model = form.fields.value("model") if "model" in form.fields else None
    if model is not None and not (isinstance(model, str) and 0 < len(model) <= _LONGEST_MODEL):
        text = f"The form's field model must be one text of 1 to {_LONGEST_MODEL} characters."
        return Failure(Kind.INVALID_REQUEST, text, "model")
    return RequestBody(form.fields, model, dialect.reading.asks_stream(form.fields), form)
