"""InvokeModel as callers speak it: one path for every maker's body, which says whose it is.

Claude's body is Anthropic's wire in AWS's frames and errors; embeddings and reranking are tasks (invoke_tasks.py); any
other body only Bedrock can read (invoke_own.py). Source: Amazon Bedrock API reference, "InvokeModel",
"InvokeModelWithResponseStream".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from penstock.core.body import Body
from penstock.core.failure import Failure, Kind
from penstock.dialects.anthropic.caller.hosts import RAW_PREDICT, fit_hosted
from penstock.dialects.bedrock.caller.errors import ERRORS, REQUEST_ID
from penstock.dialects.bedrock.caller.frames import invoke_form
from penstock.dialects.caller import CallerDialect, FittedRequest
from penstock.dialects.dialect import WriteContext

CLAUDE: Final = "invoke"
EMBED: Final = "invoke_embed"
RERANK: Final = "invoke_rerank"
OWN: Final = "invoke_own"
_NOT_CLAUDES: Final = ("inferenceConfig", "schemaVersion")
_BEDROCK: Final = "bedrock"
_ADDRESSED: Final = frozenset({"model", "stream"})
_RERANKING: Final = _ADDRESSED | frozenset(
    "query documents top_n api_version return_documents rank_fields max_chunks_per_doc max_tokens_per_doc".split()
)
_EMBEDDING: Final = _ADDRESSED | frozenset(
    """
    inputText inputImage inputType textTruncate embeddingTypes embeddingConfig dimensions normalize taskType
    schemaVersion singleEmbeddingParams texts images inputs input_type embedding_types output_dimension truncate
    max_tokens
    """.split()
)


def wire_of(body: Body) -> str:
    """The name of a body's wire: Claude's, that of embeddings or reranking, or (``OWN``) any other maker's.

    A task has the members of tasks alone: beside another one (``prompt``) a host may take it for something else, and
    guards would not have read what it is asked with.
    """
    if "messages" in body and not (body.is_null("messages") or any(name in body for name in _NOT_CLAUDES)):
        return CLAUDE
    names = body.members.keys()
    if "query" in names and "documents" in names and names <= _RERANKING:
        return RERANK
    is_task = body.raw("taskType") == b'"SINGLE_EMBEDDING"' or not names.isdisjoint(
        ("input_type", "inputText", "inputImage")
    )
    return EMBED if is_task and names <= _EMBEDDING else OWN


FIELDS: Final[Mapping[bytes, str]] = {
    b"x-amzn-bedrock-guardrailidentifier": "guardrail_identifier",
    b"x-amzn-bedrock-guardrailversion": "guardrail_version",
    b"x-amzn-bedrock-trace": "bedrock_trace",
    b"x-amzn-bedrock-performanceconfig-latency": "bedrock_latency",
    b"x-amzn-bedrock-service-tier": "bedrock_tier",
}
"""Header fields that are part of a request, and the settings that they make at Bedrock (``WriteContext.asked``)."""
GUARDRAIL: Final = b"x-amzn-bedrock-guardrailidentifier"
"""The field that names a guardrail of the caller's: a rule of safety, which is never left out."""


def with_fields(fitted: FittedRequest, context: WriteContext) -> FittedRequest:
    """The request with AWS's header fields as they came."""
    asked = context.asked
    fields = tuple([(name.decode(), asked[setting]) for name, setting in FIELDS.items() if setting in asked])
    return msgspec.structs.replace(fitted, headers=(*fitted.headers, *fields)) if fields else fitted


def _fit_claude(body: Body, context: WriteContext) -> FittedRequest | Failure:
    """Claude's body as the host takes it, with AWS's header fields at Bedrock."""
    fitted = fit_hosted(body, context)
    if isinstance(fitted, Failure) or context.variant == _BEDROCK:
        return fitted if isinstance(fitted, Failure) else with_fields(fitted, context)
    if FIELDS[GUARDRAIL] in context.asked:
        return Failure(Kind.INVALID_REQUEST, no_guardrails(context.provider), GUARDRAIL.decode())
    return fitted


def no_guardrails(provider: str) -> str:
    """The words for a host that has no guardrails of Bedrock's."""
    return (
        f"{provider} can't apply a guardrail of Bedrock's, which the request's header names: leave it out, or route to "
        "Bedrock."
    )


INVOKE: Final[CallerDialect] = msgspec.structs.replace(
    RAW_PREDICT,
    reading=msgspec.structs.replace(
        RAW_PREDICT.reading,
        header_settings={**RAW_PREDICT.reading.header_settings, **FIELDS},
        only_at_home=GUARDRAIL,
        wire_of=wire_of,
    ),
    errors=ERRORS,
    relay=msgspec.structs.replace(RAW_PREDICT.relay, fit_request=_fit_claude),
    delivery=msgspec.structs.replace(RAW_PREDICT.delivery, stream_form=invoke_form, id_header=REQUEST_ID),
)
"""Callers of Claude by InvokeModel."""
