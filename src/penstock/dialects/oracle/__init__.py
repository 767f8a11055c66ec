"""Oracle's generative AI (OCI): one endpoint, and a shape of request for each kind of model inside one envelope.

GENERIC is OpenAI's chat in camel case and takes nearly every model; Cohere's models take only their maker's shapes,
COHEREV2 or, the Command R family, COHERE. ``api_format`` in the request overrules the choice, which the name of a
dedicated endpoint doesn't tell. Requests: generic.py, cohere.py, cohere_r.py; replies: reply.py. Source: OCI
Generative AI Inference API, "Chat".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock.core.chat import ChatRequest, Tool
from penstock.core.failure import Failure, Kind
from penstock.core.parameters import Parameters
from penstock.dialects.dialect import Payload, ProviderDialect, WriteContext, encoded
from penstock.dialects.foreign import PLAIN, ready_for
from penstock.dialects.function_tools import unknown_choice
from penstock.dialects.oracle import cohere, cohere_r, generic, reply

_WRITERS: Final[Mapping[str, Callable[[ChatRequest, Parameters, WriteContext], dict[str, Any] | Failure]]] = {
    "GENERIC": generic.write,
    "COHEREV2": cohere.write,
    "COHERE": cohere_r.write,
}
_R_FAMILY: Final = ("cohere.command-r", "cohere.command-plus", "cohere.command-light", "cohere.command-text")
"""Models that Cohere serves under its first API only."""


def write(request: ChatRequest, context: WriteContext) -> Payload | Failure:
    """The request's body."""
    compartment = context.options.get("oracle_compartment_id")
    if not compartment:
        text = "oracle needs to know which compartment is asked: set oracle_compartment_id."
        return Failure(Kind.INVALID_CONFIG, text, "x-portkey-oracle-compartment-id")
    request, parameters = ready_for(PLAIN, request, context.traits)
    form = parameters.value("api_format") or _format(context.model)
    writer = _WRITERS.get(form) if isinstance(form, str) else None
    if writer is None:
        return Failure(Kind.INVALID_REQUEST, f"api_format must be one of {', '.join(_WRITERS)}.", "api_format")
    functions = [tool.name for tool in request.parameters.get("tools", ()) if isinstance(tool, Tool)]
    unknown = unknown_choice(request.parameters.get("tool_choice"), functions)
    if unknown is not None:
        return unknown
    chat = writer(request, parameters, context)
    if isinstance(chat, Failure):
        return chat
    if request.stream:
        chat |= {"isStream": True, "streamOptions": {"isIncludeUsage": True}}
    is_dedicated = context.options.get("oracle_serving_mode") == "DEDICATED"
    serving = {"servingType": "DEDICATED", "endpointId": context.model}
    body = {
        "compartmentId": compartment,
        "servingMode": serving if is_dedicated else {"servingType": "ON_DEMAND", "modelId": context.model},
        "chatRequest": {"apiFormat": form, **chat},
    }
    return Payload(encoded(body, request), parameters.dropped())


def _format(model: str) -> str:
    if model.startswith(_R_FAMILY):
        return "COHERE"
    return "COHEREV2" if model.startswith("cohere.") else "GENERIC"


DIALECT: Final = ProviderDialect("oracle", write, reply.StreamReader, reply.read_reply)
