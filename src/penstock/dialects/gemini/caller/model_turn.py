"""One turn of the model: its parts, with thoughts at the places that their envelopes name (envelope.py).

Source: Gemini API docs, "Thought signatures".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

import msgspec

from penstock.core.chat import Owner, Part, ReasoningPart, TextPart, ToolCall
from penstock.core.whole_number import whole_number
from penstock.dialects.envelope import ON_CALL, Envelope, is_sealed, unseal
from penstock.dialects.gemini.caller.parts import Parts
from penstock.dialects.gemini.provider.contents import UNSIGNED
from penstock.dialects.malformed import text_in

_NOT_SIGNED: Final = frozenset({UNSIGNED, "context_engineering_is_the_way_to_go"})
"""Stand-ins for signatures, which clients write where they have none."""


class ModelTurn:
    """One turn of the model while it is read: thoughts go back to the places that their envelopes name."""

    def __init__(self, parts: Parts) -> None:
        signatures = [text_in(part.get("thoughtSignature")) for part in parts]
        envelopes = [unseal(signature) for signature in signatures if is_sealed(signature)]
        self._tells_thoughts = any(
            block.place != ON_CALL and block.text for envelope in envelopes if envelope for block in envelope.blocks
        )
        """Whether an envelope holds the text of the thoughts, which may stand in parts of their own as well."""
        self._found: list[Part] = []
        self._starts: list[int] = []
        """Where each visible part begins; neighbouring text is one."""
        self._in_text = False
        self._inserted: list[tuple[int, ReasoningPart]] = []

    def call(self, call: ToolCall, signature: str) -> None:
        """A call of a function, with what stands at it."""
        envelope = unseal(signature)
        if envelope is not None:
            self._unpack(envelope)
            if envelope.call_signature:
                call = msgspec.structs.replace(call, signature=envelope.call_signature, owner=envelope.owner)
        elif signature not in _NOT_SIGNED and not is_sealed(signature) and signature:
            call = msgspec.structs.replace(call, signature=signature, owner=Owner.GOOGLE)
        self._begin(is_text=False)
        self._found.append(call)

    def thought(self, text: str, signature: str) -> None:
        """A thought that the client has kept."""
        if is_sealed(signature):
            envelope = unseal(signature)
            self._found += () if envelope is None else envelope.reasoning(text)
        elif signature:
            self._found.append(ReasoningPart(text, signature, "", Owner.GOOGLE))
        elif text and not self._tells_thoughts:
            self._found.append(ReasoningPart(text))

    def say(self, parts: tuple[Part, ...], signature: str, *, is_text: bool) -> None:
        """Anything else. The signature of text stands before it."""
        envelope = unseal(signature)
        if envelope is not None:
            self._unpack(envelope)
        elif signature and not is_sealed(signature) and signature not in _NOT_SIGNED:
            self._found.append(ReasoningPart("", signature, "", Owner.GOOGLE))
        if parts:
            self._begin(is_text=is_text)
            self._found += parts

    def parts(self) -> tuple[Part, ...]:
        for at, thought in reversed(self._inserted):
            self._found.insert(at, thought)
        return tuple(_joined(self._found))

    def _begin(self, *, is_text: bool) -> None:
        if not (is_text and self._in_text):
            self._starts.append(len(self._found))
        self._in_text = is_text

    def _unpack(self, envelope: Envelope) -> None:
        blocks = [block for block in envelope.blocks if block.place != ON_CALL]
        for block in blocks:
            place = whole_number(block.place) or 0
            at = self._starts[place] if place < len(self._starts) else len(self._found)
            thought = ReasoningPart(block.text, block.signature, block.data, envelope.owner)
            self._inserted.append((at, thought))
        self._inserted.sort(key=_place)


def _joined(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts. Texts in a row are one, and so are thoughts: clients keep each chunk of a stream as a part."""
    for kind, run in groupby(parts, _joins):
        if kind is TextPart:
            yield TextPart("".join(part.text for part in run if isinstance(part, TextPart)))
        elif kind is ReasoningPart:
            yield ReasoningPart("".join(part.text for part in run if isinstance(part, ReasoningPart)))
        else:
            yield from run


def _joins(part: Part) -> type | None:
    """The kind of a part that can be joined with its neighbours of the same kind; a signature vouches for one alone."""
    match part:
        case TextPart():
            return TextPart
        case ReasoningPart(signature="", data="", owner=Owner.UNKNOWN):
            return ReasoningPart
        case _:
            return None


def _place(inserted: tuple[int, ReasoningPart]) -> int:
    return inserted[0]
