"""Edits of several checks -> one new body: whatever the order in which the checks end, the result is the same.

Edits that overlap are united: both parts are replaced, by the replacement of the check that stands first.
"""

from __future__ import annotations

from collections.abc import Iterable

from penstock.core.encoded_text import to_base64
from penstock.core.json_text import read_json_or_none, write_json
from penstock.core.segments import Pointer, Segment, spliced
from penstock.guards.arguments import is_arguments
from penstock.guards.base import Edit
from penstock.guards.guarded_body import GuardedBody
from penstock.guards.rewritten_event import tokens_beside


class Unchangeable(ValueError):
    """A change would leave something that is no answer or request any more. The message says what."""


def changing(body: GuardedBody, edits: Iterable[Edit]) -> list[Edit]:
    """The edits with which the body would say something else: none that puts a text in its own place, or changes a
    name, which no check does."""
    edits = list(edits)
    if not edits:
        return []
    texts = {segment.pointer: segment.text for segment in body.segments if not segment.is_fixed}
    fixed = {segment.pointer for segment in body.segments if segment.is_fixed} - texts.keys()
    return [
        edit
        for edit in edits
        if edit.pointer not in fixed and texts.get(edit.pointer, "")[edit.start : edit.end] != edit.replacement
    ]


def edited(body: GuardedBody, edits: Iterable[Edit], *, keeps_tokens: bool = False) -> bytes:
    """The body's JSON with the edits, which are in the order of their checks. ``keeps_tokens``: those beside a text
    that changes stay. Raises Unchangeable."""
    by_pointer: dict[Pointer, list[Edit]] = {}
    for edit in edits:
        by_pointer.setdefault(edit.pointer, []).append(edit)
    if not by_pointer:
        return body.raw
    segments = {segment.pointer: segment for segment in body.segments if not segment.is_fixed}
    fixed = {segment.pointer for segment in body.segments if segment.is_fixed} - segments.keys()
    texts = {
        pointer: _text(segments.get(pointer), group) for pointer, group in by_pointer.items() if pointer not in fixed
    }
    try:
        return spliced(body.raw, {**texts, **({} if keeps_tokens else tokens_beside(body.json, texts))})
    except (KeyError, IndexError, ValueError):
        raise Unchangeable("the body has no text where a check changed one") from None


def _text(segment: Segment | None, edits: list[Edit]) -> str:
    if segment is None:
        raise Unchangeable("a check changed a text that is not there")
    is_json = is_arguments(segment)
    whole = edits[0].replacement if len(edits) == 1 and _is_whole(edits[0], segment.text) else None
    if is_json and whole is not None and read_json_or_none(whole.encode("utf-8", "replace")) is not None:
        return whole
    changed = replaced(segment.text, edits, escapes=is_json)
    if segment.base64_behind is not None:
        return segment.base64_behind + to_base64(changed)
    if is_json and read_json_or_none(changed.encode("utf-8", "replace")) is None:
        raise Unchangeable("the arguments of a tool call would be no JSON any more")
    return changed


def _is_whole(edit: Edit, text: str) -> bool:
    return edit.start <= 0 and edit.end >= len(text)


def replaced(text: str, edits: Iterable[Edit], *, escapes: bool = False) -> str:
    """A text with edits, which are in the order of their checks. ``escapes``: the text is JSON, and replacements go
    into its strings."""
    united: list[tuple[int, int, int, str]] = []
    for rank, edit in sorted(enumerate(edits), key=lambda each: (each[1].start, each[1].end, each[0])):
        start, end = max(0, edit.start), min(len(text), edit.end)
        if united and start < united[-1][1]:
            first_start, first_end, first_rank, replacement = united[-1]
            if rank < first_rank:
                replacement = edit.replacement
            united[-1] = first_start, max(first_end, end), min(rank, first_rank), replacement
        else:
            united.append((start, end, rank, edit.replacement))
    parts, at = [], 0
    for start, end, _, replacement in united:
        parts += [text[at:start], write_json(replacement)[1:-1].decode() if escapes else replacement]
        at = end
    parts.append(text[at:])
    return "".join(parts)
