"""Anthropic's wire as callers speak it at other hosts' paths: the model is in the path, the version in the body.

At Vertex AI (``:rawPredict``) replies and errors are Anthropic's own; Bedrock's InvokeModel is in
dialects/bedrock/caller/invoke.py. Sources: Claude docs, "Claude on Vertex AI", "Claude on Amazon Bedrock".
"""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure, Kind
from penstock.dialects.anthropic.caller.dialect import ANTHROPIC
from penstock.dialects.anthropic.hosts import host_of
from penstock.dialects.anthropic.provider.betas import is_name, listed
from penstock.dialects.anthropic.relay.request import fit_request
from penstock.dialects.caller import CallerDialect, FittedRequest, Relay
from penstock.dialects.dialect import WriteContext

_IN_BODY: Final = ("anthropic_version", "anthropic_beta")


def fit_hosted(body: Body, context: WriteContext) -> FittedRequest | Failure:
    """The body as the host takes it. At Anthropic's own API the betas are a header field, and the version is its
    own."""
    if not host_of(context.variant).names_model:
        return fit_request(body, context)
    try:
        betas = ",".join(filter(is_name, listed(body.value("anthropic_beta"))))
    except BodyError as error:
        return Failure(Kind.INVALID_JSON, f"The gateway could not read the request: {error}.")
    for name in _IN_BODY:
        if name in body:
            body = body.without(name)
    if betas:
        body_betas = context.asked.get("anthropic_beta")
        asked = {**context.asked, "anthropic_beta": f"{body_betas},{betas}" if body_betas else betas}
        context = msgspec.structs.replace(context, asked=asked)
    return fit_request(body, context)


RAW_PREDICT: Final[CallerDialect] = msgspec.structs.replace(
    ANTHROPIC, relay=Relay(fit_hosted, stream=ANTHROPIC.relay.stream)
)
"""Callers of Claude on Vertex AI."""
