"""Pieces of Converse's reply that a message and its stream share: stop reasons, thoughts, sources, images.

Sources: Amazon Bedrock API reference, "ContentBlock", "CitationLocation", "StopReason",
"Converse" (``additionalModelResponseFieldPaths``).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from penstock.core.chat import Echo
from penstock.core.events import Citation, Media, Stop
from penstock.core.finish_reasons import UNKNOWN
from penstock.core.json_text import integer, read_json_or_none, text
from penstock.dialects.bedrock.provider import formats
from penstock.dialects.caller import Caption
from penstock.dialects.untold import Places

RESPONSE_FIELDS: Final = "additionalModelResponseFieldPaths"
"""The member of a request, and of what its reply is written by, that asks for fields of the model's own reply."""
KNOWN_FIELDS: Final = frozenset({"/stop_sequence", "/delta/stop_sequence"})
"""The fields that every model's reply has."""
_REASONS: Final[Mapping[str, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
    "refusal": "end_turn",
    "pause": "end_turn",
    "context": "model_context_window_exceeded",
}
_OWN_REASONS: Final = frozenset(
    """
    end_turn max_tokens stop_sequence tool_use content_filtered guardrail_intervened model_context_window_exceeded
    """.split()
)
"""Converse's words, of which other hosts of its models use some."""


def call_id(seed: str, index: int) -> str:
    """An id for a call whose provider has none: the same for the same call of the same reply."""
    return "tooluse_" + hashlib.blake2s(f"{seed}/{index}".encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def stop_reason(stop: Stop | None, sequence: Any, *, has_calls: bool) -> tuple[str, str | None]:
    """Why the message ended, and the stop sequence that ended it. Clients demand a reason; an unknown word passes as it
    is, and the lack of one has a word, so that a cut answer never looks finished."""
    if stop is None:
        return UNKNOWN, None
    if stop.detail in _REASONS:
        reason = _REASONS[stop.detail]
    elif stop.native in _OWN_REASONS:
        reason = stop.native
    else:
        reason = _REASONS.get(stop.reason) or stop.native or stop.reason
    if reason == "end_turn" and has_calls:
        reason = "tool_use"
    stopped_by = stop.sequence or sequence
    if isinstance(stopped_by, str) and stopped_by and reason in {"end_turn", "stop_sequence"}:
        return "stop_sequence", stopped_by
    return reason, None


def response_fields(echo: Echo, sequence: str | None) -> dict[str, Any]:
    """The member ``additionalModelResponseFields``, for a request that asks for the stop sequence."""
    paths = read_json_or_none(echo.members.get(RESPONSE_FIELDS, b"[]"))
    asked = {path for path in paths if isinstance(path, str)} if isinstance(paths, list) else set()
    fields: dict[str, Any] = {}
    if "/stop_sequence" in asked:
        fields["stop_sequence"] = sequence
    if "/delta/stop_sequence" in asked:
        fields["delta"] = {"stop_sequence": sequence}
    return {"additionalModelResponseFields": fields} if fields else {}


def metrics(caption: Caption) -> dict[str, int]:
    """How long the answer took."""
    return {"latencyMs": caption.elapsed() // 1_000_000}


def redacted(data: str) -> str:
    """Claude's redacted thinking, which is text at Anthropic, as bytes in base64."""
    return base64.b64encode(data.encode("utf-8", "surrogatepass")).decode()


def image(media: Media) -> tuple[str, str] | None:
    """The format and the data of an image that the model made; None for anything that no block can hold."""
    form = formats.IMAGES.get(media.mime.partition(";")[0].strip().lower())
    return (form, media.data) if form and media.data else None


_PLACES: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "char_location": ("documentChar", "document_index", "start_char_index", "end_char_index"),
    "page_location": ("documentPage", "document_index", "start_page_number", "end_page_number"),
    "content_block_location": ("documentChunk", "document_index", "start_block_index", "end_block_index"),
    "search_result_location": (
        "searchResultLocation",
        "search_result_index",
        "start_block_index",
        "end_block_index",
    ),
}
"""Where Claude found something -> Converse's word, and the members that say which source, from where, to where."""


def _has_place(source: Citation) -> bool:
    return citation(source) is not None


PLACES: Final = Places(sources=_has_place)
"""Sources that have an address or a place in a document."""


def citation(event: Citation) -> dict[str, Any] | None:
    """A source as Converse tells it; None for one that can't be told."""
    raw = event.raw
    if "type" not in raw and isinstance(raw.get("location"), dict):
        return dict(raw)
    kind = raw.get("type")
    place = _PLACES.get(kind) if isinstance(kind, str) else None
    if place is not None:
        name, which, start, end = place
        index = "searchResultIndex" if which == "search_result_index" else "documentIndex"
        where = {index: integer(raw, which), "start": integer(raw, start), "end": integer(raw, end)}
        location: dict[str, Any] = {name: {key: value for key, value in where.items() if value is not None}}
        title = text(raw, "document_title") or text(raw, "title") or event.title
    elif event.url:
        location = {"web": {"url": event.url, **_domain(event.url)}}
        title = event.title or event.url
    else:
        return None
    members: dict[str, Any] = {"title": title} if title else {}
    source, cited = text(raw, "source") or event.url, text(raw, "cited_text")
    if source:
        members["source"] = source
    if cited:
        members["sourceContent"] = [{"text": cited}]
    return {**members, "location": location}


def _domain(url: str) -> dict[str, str]:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    return {"domain": host} if host else {}
