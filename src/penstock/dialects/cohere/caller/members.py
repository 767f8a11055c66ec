"""Pieces of Cohere's reply that a whole one and its stream share: finish reasons, ids, sources.

Cohere has no place for what must come back unread: it is left out (docs/dialects.md). Source: Cohere API reference,
"Chat".
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from penstock.core.events import Citation, Logprobs, Stop
from penstock.core.finish_reasons import UNKNOWN
from penstock.dialects.untold import Places, anywhere

COMPLETE: Final = "COMPLETE"
TOOL_CALL: Final = "TOOL_CALL"
ERROR: Final = "ERROR"
_REASONS: Final[Mapping[str, str]] = {
    "stop": COMPLETE,
    "length": "MAX_TOKENS",
    "tool_calls": TOOL_CALL,
    "content_filter": ERROR,
    "refusal": COMPLETE,
    "pause": COMPLETE,
    "context": "MAX_TOKENS",
}
_MOST_SOURCES: Final = 256


def call_id(seed: str, index: int) -> str:
    """An id for a call whose provider has none: the same for the same call of the same reply."""
    return "call_" + hashlib.blake2s(f"cohere/{seed}/{index}".encode(), digest_size=12).hexdigest()


def finish_reason(stop: Stop | None, *, has_calls: bool) -> str:
    """Why the answer ended. Cohere has no word for a filtered one but that of a failure; an unknown word passes as it
    is, and the lack of one has a word, so that a cut answer never looks finished."""
    if stop is None:
        return UNKNOWN
    reason = _REASONS.get(stop.detail) or _REASONS.get(stop.reason, stop.reason)
    if reason == COMPLETE and stop.sequence:
        return "STOP_SEQUENCE"
    return TOOL_CALL if reason == COMPLETE and has_calls else reason


PLACES: Final = Places(sources=anywhere, media=False, logprobs=True)
"""Sources of every kind."""


def citations_of(citations: Sequence[Citation], texts: Sequence[tuple[int, str]]) -> list[dict[str, Any]]:
    """Sources as Cohere tells them, each within one content block. ``texts`` are the pieces of the answer in their
    order, each with the index of its block."""
    blocks: dict[int, int] = {}
    length = 0
    for index, text in texts:
        blocks.setdefault(index, length)
        length += len(text)
    whole = "".join(text for _, text in texts)
    places = [*blocks.items()]
    begins = [begin for _, begin in places]
    found = []
    for number, citation in enumerate(citations[:_MOST_SOURCES]):
        start, end = citation.start or 0, length if citation.end is None else citation.end
        index, begin = places[max(bisect_right(begins, start) - 1, 0)] if places else (0, 0)
        found.append(
            {
                "start": max(start - begin, 0),
                "end": max(end - begin, 0),
                "text": whole[start:end],
                "sources": [_source(number, citation)],
                "content_index": index,
                "type": "TEXT_CONTENT",
            }
        )
    return found


def _source(number: int, citation: Citation) -> dict[str, Any]:
    name = f"doc:{number}"
    members = {key: value for key, value in (("url", citation.url), ("title", citation.title)) if value}
    return {"type": "document", "id": name, "document": {"id": name, **members}}


def logprobs_of(tokens: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """OpenAI's tokens as Cohere tells them: pieces of text, whose numbers aren't those of its own tokens."""
    return [
        {"text": token.get("token", ""), "token_ids": [], "logprobs": [token.get("logprob", 0)]} for token in tokens
    ]


def tokens_of(events: Iterable[Logprobs]) -> list[Mapping[str, Any]]:
    """The tokens of some events, in order."""
    return [token for event in events for token in event.content]
