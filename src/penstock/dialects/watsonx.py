"""IBM watsonx.ai's chat: OpenAI's wire with other members for the model, the billed project and the tool choice.

A model is paid for by a project or a space; a deployment (variant ``deployment``) names both itself, in the path.
Streams have a path of their own, and no ``[DONE]``. Source: IBM watsonx.ai API reference, "Infer text chat".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.core.chat import ChatRequest
from penstock.core.failure import Failure, Kind
from penstock.dialects.dialect import Payload, ProviderDialect, WriteContext, encoded
from penstock.dialects.foreign import PLAIN, ready_for
from penstock.dialects.openai.provider.reply import OpenAiStream, read_reply
from penstock.dialects.openai.provider.request import Host, body

_HOST: Final = Host(
    parameters=frozenset(
        {"frequency_penalty", "presence_penalty", "logit_bias", "logprobs", "top_logprobs", "max_tokens", "n", "seed"}
        | {"max_completion_tokens", "stop", "temperature", "top_p", "response_format", "tools", "tool_choice"}
        | {"reasoning_effort", "include_reasoning", "time_limit", "context", "chat_template_kwargs", "crypto"}
        | {"guided_choice", "guided_regex", "guided_grammar", "guided_json", "repetition_penalty", "length_penalty"}
    ),
    parts=frozenset({"image_url", "input_audio", "video_url"}),
    lists=False,
    thinks=False,
)
_EFFORTS: Final = frozenset({"low", "medium", "high"})
_PAYERS: Final = {"watsonx_project_id": "project_id", "watsonx_space_id": "space_id"}


def write(request: ChatRequest, context: WriteContext) -> Payload | Failure:
    """The request's body, the same for a stream."""
    head: Mapping[str, Any] = {}
    if context.variant != "deployment":
        payer = {name: context.options[option] for option, name in _PAYERS.items() if option in context.options}
        if not payer:
            text = "watsonx needs to know who pays: set watsonx_project_id or watsonx_space_id."
            return Failure(Kind.INVALID_CONFIG, text, "x-portkey-watsonx-project-id")
        head = {"model_id": context.model, **payer}
    request, parameters = ready_for(PLAIN, request, context.traits)
    members = body(request, parameters, _HOST)
    if isinstance(members.get("tool_choice"), str):
        members["tool_choice_option"] = members.pop("tool_choice")
    if members.get("reasoning_effort", "low") not in _EFFORTS:
        parameters.unsupported("reasoning_effort")
        del members["reasoning_effort"]
    return Payload(encoded({**head, **members}, request), parameters.dropped())


DIALECT: Final = ProviderDialect("watsonx", write, OpenAiStream, read_reply)
