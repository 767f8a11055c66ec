"""Mistral AI: OpenAI's dialect with names and rules of its own, and an address that fills in the middle of code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.dialects.chat_quirks import ChatQuirks, Drop, Rename
from penstock.dialects.openai.relay import mistral
from penstock.providers.makers import only_max_tokens
from penstock.providers.row import PATHS, EndpointSpec, Operation, Option, Provider

_PARAMETERS: Final = "https://github.com/mistralai/client-python/blob/main/docs/models/chatcompletionrequest.md"
_EMBEDDINGS: Final = ChatQuirks(
    renames=(
        Rename(
            "dimensions",
            "output_dimension",
            "the vendor's name for it",
            "https://github.com/mistralai/client-python/blob/main/docs/models/embeddingrequest.md",
        ),
    )
)
_REFUSED: Final = "the vendor answers with an error when it is present"


def _locate(options: Mapping[str, str], operation: Operation) -> tuple[EndpointSpec, ...]:
    if operation is Operation.CHAT and options.get("mistral_fim_completion") == "true":
        return (EndpointSpec("/fim/completions"),)
    if operation not in PATHS:
        return ()
    return (EndpointSpec(PATHS[operation], quirks=_EMBEDDINGS if operation is Operation.EMBEDDINGS else None),)


MISTRAL: Final = Provider(
    "mistral-ai",
    "Mistral AI",
    "https://api.mistral.ai/v1",
    "https://docs.mistral.ai/api/",
    env=("MISTRAL_API_KEY",),
    locate=_locate,
    options=(Option("mistral_fim_completion", "mistral-fim-completion"),),
    quirks=ChatQuirks(
        renames=(
            only_max_tokens(_PARAMETERS),
            Rename("seed", "random_seed", "the vendor's name for it", _PARAMETERS),
        ),
        drops=(
            Drop("store", _REFUSED, "https://github.com/Gitlawb/openclaude/issues/739"),
            Drop("stream_options", _REFUSED, "https://github.com/avante-corp/avante.nvim/issues/2347"),
        ),
        adapts_request=mistral.adapt_request,
        normalizes_replies=True,
    ),
    notes="Streams report their usage unasked. mistral-fim-completion: true sends chats to /fim/completions.",
)
