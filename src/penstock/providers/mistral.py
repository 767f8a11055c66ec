"""Mistral AI: OpenAI's dialect with names and rules of its own, and an address that fills in the middle of code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.core.operation import Operation
from penstock.dialects.chat_quirks import ChatQuirks, Drop, Rename
from penstock.dialects.openai.relay import mistral
from penstock.providers.makers import only_max_tokens
from penstock.providers.row import PATHS, EndpointSpec, Option, Provider, resources

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
_KNOWN: Final = frozenset(
    """
    model messages temperature top_p max_tokens stream stop random_seed metadata response_format tools tool_choice
    presence_penalty frequency_penalty n prediction parallel_tool_calls reasoning_effort prompt_mode guardrails
    prompt_cache_key safe_prompt prompt suffix min_tokens
    """.split()
)
"""What the vendor's client knows of chats and of filling in the middle; anything else is a 422 ("Extra inputs are not
permitted", github.com/BerriAI/litellm/issues/30882)."""
_MESSAGES: Final = {
    "system": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "assistant": frozenset({"role", "content", "tool_calls", "prefix"}),
    "tool": frozenset({"role", "content", "tool_call_id", "name"}),
}
"""The members of messages in the vendor's API reference, "Chat completion"; any other is a 422 as well
(github.com/partITech/php-mistral/issues/76)."""
_REFUSED: Final = "the vendor answers with an error when it is present"


_SERVED: Final = frozenset(
    {
        Operation.CHAT,
        Operation.MODELS,
        Operation.MODEL,
        Operation.EMBEDDINGS,
        # https://docs.mistral.ai/capabilities/audio_transcription
        Operation.TRANSCRIPTIONS,
        # https://docs.mistral.ai/capabilities/guardrailing
        Operation.MODERATIONS,
    }
)


def _locate(options: Mapping[str, str], operation: Operation) -> tuple[EndpointSpec, ...]:
    if operation is Operation.CHAT and options.get("mistral_fim_completion") == "true":
        return (EndpointSpec("/fim/completions"),)
    if operation not in _SERVED:
        return ()
    return (EndpointSpec(PATHS[operation], quirks=_EMBEDDINGS if operation is Operation.EMBEDDINGS else None),)


MISTRAL: Final = Provider(
    "mistral-ai",
    "Mistral AI",
    "https://api.mistral.ai/v1",
    "https://docs.mistral.ai/api/",
    # https://docs.mistral.ai/api
    resources=resources("files", "fine_tuning"),
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
        keeps=_KNOWN,
        message_members=_MESSAGES,
        takes_cache_markers=False,
        adapts_request=mistral.adapt_request,
        completes_replies=True,
    ),
    notes="Streams report their usage unasked. mistral-fim-completion: true sends chats to /fim/completions.",
)
