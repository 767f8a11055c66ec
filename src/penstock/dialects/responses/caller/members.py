"""Pieces of a response that a whole reply and its stream share: ids, the members that repeat the request, sources.

Source: OpenAI API reference, "The response object".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core import json_text
from penstock.core.events import Citation, Foreign, Start, Stop
from penstock.core.finish_reasons import UNKNOWN
from penstock.core.json_text import read_json_or_none
from penstock.core.usage import Usage
from penstock.dialects.caller import Caption
from penstock.dialects.responses.usage import write_usage
from penstock.dialects.untold import Places, has_address

_NULL: Final = msgspec.Raw(b"null")
_DEFAULTS: Final[Mapping[str, msgspec.Raw]] = {
    "instructions": _NULL,
    "max_output_tokens": _NULL,
    "max_tool_calls": _NULL,
    "metadata": msgspec.Raw(b"{}"),
    "parallel_tool_calls": msgspec.Raw(b"true"),
    "prompt_cache_key": _NULL,
    "reasoning": msgspec.Raw(b'{"effort":null,"summary":null}'),
    "safety_identifier": _NULL,
    "service_tier": msgspec.Raw(b'"default"'),
    "temperature": msgspec.Raw(b"1.0"),
    "text": msgspec.Raw(b'{"format":{"type":"text"}}'),
    "tool_choice": msgspec.Raw(b'"auto"'),
    "tools": msgspec.Raw(b"[]"),
    "top_logprobs": msgspec.Raw(b"0"),
    "top_p": msgspec.Raw(b"1.0"),
    "truncation": msgspec.Raw(b'"disabled"'),
    "user": _NULL,
}
"""What a response says of its request where the request says nothing."""
REPEATED: Final = frozenset(_DEFAULTS)
"""The members of a request that its response repeats."""
INCOMPLETE: Final[Mapping[str, str]] = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Why a response is incomplete, by OpenAI's finish reason."""
_COMPLETE: Final = frozenset({"stop", "tool_calls"})


def response_id(seed: str) -> str:
    """The id of a response."""
    return f"resp_{seed}"


def item_id(prefix: str, seed: str, number: int) -> str:
    """The id of an output item: ``prefix`` says its type (``msg``, ``rs``, ``fc``)."""
    return f"{prefix}_{seed}{number:04x}"


def call_id(seed: str, index: int) -> str:
    """An id for a tool call whose provider has none: the same for the same call of the same reply."""
    return "call_" + hashlib.blake2s(f"{seed}/{index}".encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def incomplete_reason(stop: Stop | None) -> str | None:
    """Why a response is incomplete; None for a complete one. For an unknown word, and without any, the response is
    incomplete and says so: a cut answer never looks finished."""
    if stop is None:
        return UNKNOWN
    if stop.detail == "refusal":
        return None
    if stop.detail == "context":
        return INCOMPLETE["length"]
    return None if stop.reason in _COMPLETE else INCOMPLETE.get(stop.reason, stop.reason)


class Head(msgspec.Struct, frozen=True):
    """What a response says of itself from its beginning to its end. ``repeated`` are its members that repeat the
    request."""

    id: str
    created: int
    model: str
    repeated: Mapping[str, msgspec.Raw]

    @classmethod
    def of(cls, caption: Caption, start: Start) -> Head:
        """The head of a reply that began with ``start``."""
        members = {name: msgspec.Raw(raw) for name, raw in caption.echo.members.items()}
        created = start.created or caption.created
        return cls(response_id(caption.seed), created, start.model or caption.model, {**_DEFAULTS, **members})

    def response(
        self,
        status: str,
        output: list[dict[str, Any]],
        usage: Usage | None = None,
        *,
        reason: str | None = None,
    ) -> dict[str, Any]:
        """The whole response. ``reason`` says why it is incomplete."""
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "background": False,
            "completed_at": self.created if status == "completed" else None,
            "error": None,
            "incomplete_details": None if reason is None else {"reason": reason},
            "model": self.model,
            "output": output,
            "previous_response_id": None,
            "store": False,
            **self.repeated,
            "usage": write_usage(usage),
        }


def annotation(citation: Citation, start: int, end: int) -> dict[str, Any]:
    """A web source of the characters ``start`` to ``end`` of its part."""
    title = citation.title or citation.url
    return {"type": "url_citation", "start_index": start, "end_index": end, "url": citation.url, "title": title}


def _is_search(block: Foreign) -> bool:
    return search_query(block) is not None


PLACES: Final = Places(_is_search, has_address, logprobs=True)
"""Searches of the web, and sources there."""


def search_query(event: Foreign) -> str | None:
    """What was searched for, if a block of another maker is the call of its web search; None for any other block."""
    value = event.value
    if value.get("type") != "server_tool_use" or value.get("name") != "web_search":
        return None
    made = value.get("input")
    members = made if isinstance(made, dict) else {}
    if isinstance(made, str):
        read = read_json_or_none(made.encode("utf-8", "surrogatepass"))
        members = read if isinstance(read, dict) else {}
    return json_text.text(members, "query")
