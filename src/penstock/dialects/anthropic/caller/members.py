"""Pieces of Anthropic's reply that a message and its stream share: stop reasons, thoughts, ids, sources, other blocks.

Sources: Anthropic API reference, "Create a Message"; Claude docs, "Stop reasons", "Citations".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from penstock.core.chat import Owner
from penstock.core.events import Citation, Foreign, Stop
from penstock.dialects.envelope import Sealer
from penstock.dialects.untold import Places

_REASONS: Final[Mapping[str, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
    "context": "model_context_window_exceeded",
}
_OWN_REASONS: Final = frozenset(
    """
    end_turn max_tokens stop_sequence tool_use pause_turn refusal model_context_window_exceeded compaction
    """.split()
)
"""Words that hosts of Claude use as Anthropic does."""


def message_id(seed: str) -> str:
    """The id of a reply, in Anthropic's style."""
    return f"msg_{seed}"


def call_id(seed: str, index: int) -> str:
    """An id for a tool call whose provider has none: the same for the same call of the same reply."""
    return "toolu_" + hashlib.blake2s(f"{seed}/{index}".encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def stop_reason(
    stop: Stop | None, sequence: Any, *, has_calls: bool, is_refused: bool
) -> tuple[str | None, str | None]:
    """Why the message ended, and the stop sequence that ended it. None where the provider gave no reason."""
    if stop is None:
        return ("refusal" if is_refused else None), None
    if stop.detail in _REASONS:
        reason = _REASONS[stop.detail]
    elif stop.native.lower() in _OWN_REASONS:
        reason = stop.native.lower()
    else:
        reason = _REASONS.get(stop.reason) or stop.native or stop.reason
    if reason == "end_turn":
        reason = "tool_use" if has_calls else "refusal" if is_refused else reason
    stopped_by = stop.sequence or sequence
    if isinstance(stopped_by, str) and stopped_by and reason in {"end_turn", "stop_sequence"}:
        return "stop_sequence", stopped_by
    return reason, None


_OWN_BLOCK: Final = re.compile(
    r"server_tool_use|mcp_tool_use|[a-z_]+_tool_result|container_upload|compaction|fallback|advisor_[a-z_]+"
)


def own_block(event: Foreign) -> Mapping[str, Any] | None:
    """A block in Anthropic's own shape; None for other makers'."""
    kind = event.value.get("type")
    is_own = event.owner == Owner.ANTHROPIC or (
        not event.owner and isinstance(kind, str) and _OWN_BLOCK.fullmatch(kind)
    )
    return event.value if is_own and isinstance(kind, str) else None


def _has_place(source: Citation) -> bool:
    kind = source.raw.get("type")
    return bool(source.url) or (isinstance(kind, str) and kind.endswith("_location"))


def _is_own(block: Foreign) -> bool:
    return own_block(block) is not None


PLACES: Final = Places(_is_own, _has_place)
"""Blocks and sources of Anthropic's own, and addresses."""


def citation(event: Citation, sealer: Sealer) -> dict[str, Any] | None:
    """A source as Anthropic tells it; None for one that can't be told."""
    kind = event.raw.get("type")
    if isinstance(kind, str) and kind.endswith("_location"):
        return dict(event.raw)
    if not event.url:
        return None
    return {
        "type": "web_search_result_location",
        "url": event.url,
        "title": event.title or event.url,
        "cited_text": "",
        "encrypted_index": sealer.source(),
    }
