"""Anthropic's wire as callers of Bedrock's InvokeModel speak it: Claude's messages and events, AWS's frames and errors.

Source: Amazon Bedrock API reference, "InvokeModel", "InvokeModelWithResponseStream".
"""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.core.failure import Failure, Kind
from penstock.dialects.anthropic.caller.hosts import RAW_PREDICT
from penstock.dialects.bedrock.caller.errors import ERRORS, REQUEST_ID
from penstock.dialects.bedrock.caller.frames import invoke_form
from penstock.dialects.caller import CallerDialect, RequestBody
from penstock.dialects.malformed import read_body

_OTHERS: Final = (
    "InvokeModel is served with the body of Claude's messages only: ask other models by converse, for embeddings "
    "at /v1/embeddings, for reranking at /v1/rerank."
)


def read_message_body(data: bytes | memoryview) -> RequestBody | Failure:
    """Check what the gateway relies on. Other makers' bodies have members of their own."""
    request = read_body(data)
    if isinstance(request, RequestBody) and "messages" not in request.body:
        return Failure(Kind.NOT_IMPLEMENTED, _OTHERS)
    return request


INVOKE: Final[CallerDialect] = msgspec.structs.replace(
    RAW_PREDICT,
    reading=msgspec.structs.replace(RAW_PREDICT.reading, body=read_message_body),
    errors=ERRORS,
    delivery=msgspec.structs.replace(RAW_PREDICT.delivery, stream_form=invoke_form, id_header=REQUEST_ID),
)
"""Callers of Claude by InvokeModel."""
