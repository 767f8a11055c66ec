"""Blocks and citations of a maker's own, carried to a strict client and back in ``reasoning_details``.

A turn with a server tool's call and result (``pause_turn``), or with citations that hold encrypted indexes, goes on
only if the maker gets all of it back. A detail of type ``reasoning.encrypted`` carries it: its ``data`` is
``pnstk-b1:`` and base64 of JSON, its ``after`` the position. Source: Claude docs, "Web search tool", "Server tools";
Amazon Bedrock API reference, "CitationsContentBlock".
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.chat import NativePart, Owner
from penstock.core.events import Citation, Foreign
from penstock.core.json_text import read_json, write_json
from penstock.dialects.untold import Places

_MARK: Final = "pnstk-b1:"


class Cited(msgspec.Struct, frozen=True):
    """Citations of the ``length`` characters of text after the detail's position."""

    citations: tuple[Mapping[str, Any], ...]
    length: int


def owner_of_citation(raw: Mapping[str, Any]) -> str:
    """The maker that takes a citation of this shape back; empty for one that no maker takes."""
    if str(raw.get("type", "")).endswith("_location"):
        return Owner.ANTHROPIC
    return Owner.AMAZON if "location" in raw and "sourceContent" in raw else Owner.UNKNOWN


def carried(event: Foreign | Citation, length: int) -> tuple[str, str]:
    """The ``data`` that carries a block or a citation of ``length`` characters, and its owner; two empty strings for
    an event that isn't carried."""
    if isinstance(event, Citation):
        owner = owner_of_citation(event.raw)
        return (_packed({"citation": event.raw, "length": length}), owner) if owner and length else ("", "")
    kind = event.value.get("type")
    if not isinstance(kind, str) or kind.endswith("_delta") or event.owner not in ("", Owner.ANTHROPIC):
        return "", ""
    return _packed({"block": event.value}), Owner.ANTHROPIC


def _is_carried(block: Foreign) -> bool:
    return bool(carried(block, 1)[0])


def _has_place(source: Citation) -> bool:
    return bool(source.url or owner_of_citation(source.raw))


PLACES: Final = Places(_is_carried, _has_place, logprobs=True, tells_all=True)
"""What is told to strict clients, or carried."""


def _packed(value: Mapping[str, Any]) -> str:
    return _MARK + base64.b64encode(write_json(value)).decode()


def read_carried(data: str) -> NativePart | Cited | None:
    """What the data of a detail carries; None for data of another kind or damaged data."""
    if not data.startswith(_MARK):
        return None
    try:
        value = read_json(base64.b64decode(data[len(_MARK) :], validate=True))
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    block, citation, length = value.get("block"), value.get("citation"), value.get("length")
    if isinstance(block, dict):
        return NativePart(block, Owner.ANTHROPIC)
    if isinstance(citation, dict) and type(length) is int and length > 0:
        return Cited((citation,), length)
    return None


def is_carried(data: str) -> bool:
    """Whether the data of a detail was packed here, readable or not."""
    return data.startswith(_MARK)
