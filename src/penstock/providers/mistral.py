"""Mistral AI: OpenAI's dialect with names and rules of its own, and an address that fills in the middle of code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.dialects.openai.relay import mistral
from penstock.providers.row import PATHS, Drop, EndpointSpec, Operation, Option, Provider, Rename

_PARAMETERS: Final = "https://github.com/mistralai/client-python/blob/main/docs/models/chatcompletionrequest.md"
_REFUSED: Final = "the vendor answers with an error when it is present"


def _locate(options: Mapping[str, str], operation: Operation) -> EndpointSpec:
    fills = operation is Operation.CHAT and options.get("mistral_fim_completion") == "true"
    return EndpointSpec("/fim/completions" if fills else PATHS[operation])


MISTRAL: Final = Provider(
    "mistral-ai",
    "Mistral AI",
    "https://api.mistral.ai/v1",
    "https://docs.mistral.ai/api/",
    env=("MISTRAL_API_KEY",),
    locate=_locate,
    options=(Option("mistral_fim_completion", "mistral-fim-completion"),),
    renames=(
        Rename("max_completion_tokens", "max_tokens", "the vendor documents the limit as max_tokens only", _PARAMETERS),
        Rename("seed", "random_seed", "the vendor's name for it", _PARAMETERS),
    ),
    adapts_request=mistral.adapt_request,
    drops=(
        Drop("store", _REFUSED, "https://github.com/Gitlawb/openclaude/issues/739"),
        Drop("stream_options", _REFUSED, "https://github.com/avante-corp/avante.nvim/issues/2347"),
    ),
    notes="Streams report their usage unasked. mistral-fim-completion: true sends chats to /fim/completions.",
    normalizes_replies=True,
)
