"""Bedrock's CountTokens as callers speak it: a request of Converse or of InvokeModel, inside ``input``.

Source: Amazon Bedrock API reference, "CountTokens".
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure, Kind
from penstock.core.json_text import write_json
from penstock.dialects.bedrock.caller.dialect import CONVERSE
from penstock.dialects.caller import CallerDialect, FittedRequest, RequestBody
from penstock.dialects.dialect import WriteContext
from penstock.dialects.malformed import read_body

_KINDS: Final = ("converse", "invokeModel")
_WRONG: Final = "input must be an object with one of converse and invokeModel, as AWS's CountTokens has it."
_ADDRESSED: Final = ("model", "stream")


def read_count_body(data: bytes | memoryview) -> RequestBody | Failure:
    """Check that there is one request to count, in either form."""
    request = read_body(data)
    if isinstance(request, RequestBody):
        try:
            inner = Body.parse(request.body.raw("input") or b"")
        except BodyError:
            return Failure(Kind.INVALID_REQUEST, _WRONG, "input")
        if sum(name in inner for name in _KINDS) != 1:
            return Failure(Kind.INVALID_REQUEST, _WRONG, "input")
    return request


def counted(body: Body) -> Body:
    """The request to count, as its own wire has it. Raises BodyError."""
    inner = Body.parse(body.raw("input") or b"")
    converse = inner.raw("converse")
    if converse is not None:
        return Body.parse(converse)
    text = Body.parse(inner.raw("invokeModel") or b"").text("body") or ""
    try:
        return Body.parse(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise BodyError("input.invokeModel.body must be JSON in base64") from None


def _fit_request(body: Body, _context: WriteContext) -> FittedRequest:
    """What is counted passes as it is; the model is in the address."""
    for name in _ADDRESSED:
        body = body.without(name)
    return FittedRequest(body)


def _write_count(tokens: int) -> bytes:
    return write_json({"inputTokens": tokens})


COUNT: Final[CallerDialect] = msgspec.structs.replace(
    CONVERSE,
    name="bedrock_count",
    reading=msgspec.structs.replace(CONVERSE.reading, body=read_count_body, counted=counted),
    writing=msgspec.structs.replace(CONVERSE.writing, count=_write_count),
    relay=msgspec.structs.replace(CONVERSE.relay, fit_request=_fit_request),
    delivery=msgspec.structs.replace(CONVERSE.delivery, stream_form=None),
    texts=None,
)
"""Callers of ``/model/MODEL/count-tokens``."""
