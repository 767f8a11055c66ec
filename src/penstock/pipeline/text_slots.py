"""Requests of one form, which differ in their texts alone: what is written for one serves the others, with their texts
in it.

What a provider's dialect writes depends on a text only where it is blank, or is to be gone on with and ends with white
space, and such texts make no transcript (dialects/transcript.py). Where the texts stand in a written request is learnt
from one with marks in their place, as soon as its form comes again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal

import msgspec

from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.core.lru import Lru
from penstock.dialects.caller import RequestBody
from penstock.dialects.transcript import Transcript, with_texts
from penstock.pipeline.translate import Translation

if TYPE_CHECKING:
    from penstock.pipeline.prepare import PreparedRequest

_MEMORY: Final = 4096
"""Forms of all targets that are remembered, in kilobytes."""
_MOST_SEEN: Final = 32
"""Forms of one kind of request of which it is remembered that they came once."""
_LARGEST_FORM: Final = 1 << 10
"""Bytes of the members beside the messages."""
_MOST_TEXTS: Final = 32
_MOST_AROUND: Final = 4 << 10
"""Bytes around the texts of a written request."""
_TEXT: Final = 160
"""Bytes that the place of a text takes in memory."""
_WRITE: Final = msgspec.json.Encoder().encode


class TextSlots:
    """A written request whose texts can be replaced."""

    __slots__ = ("_order", "_parts")

    def __init__(self, parts: list[bytes], order: list[int]) -> None:
        """``parts`` are the bytes around the texts, with an empty part in the place of each text. ``order``: which text
        stands in which place."""
        self._parts = parts
        self._order = None if order == sorted(order) else order

    @classmethod
    def of(cls, payload: bytes, marks: Sequence[str]) -> TextSlots | None:
        """The request that was written with these marks as its texts. None where one of them isn't there just once, as
        a string by itself, or too much is around them."""
        places: list[tuple[int, int, int]] = []
        for number, mark in enumerate(marks):
            written = _WRITE(mark)
            if payload.count(written) != 1:
                return None
            start = payload.index(written)
            places.append((start, start + len(written), number))
        places.sort()
        parts: list[bytes] = []
        end = 0
        for start, after, _ in places:
            parts += [payload[end:start], b""]
            end = after
        parts.append(payload[end:])
        slots = cls(parts, [number for _, _, number in places])
        return slots if slots.size <= _MOST_AROUND else None

    @property
    def size(self) -> int:
        """The bytes around the texts."""
        return sum(map(len, self._parts))

    def filled(self, texts: Sequence[str]) -> bytes:
        """The request with these texts."""
        if self._order is not None:
            texts = [texts[number] for number in self._order]
        parts = self._parts.copy()
        parts[1::2] = map(_WRITE, texts)
        return b"".join(parts)


def marks_for(number: int) -> list[str]:
    """Texts that are sure to be found again in a written request, unless it escapes what isn't ASCII, as one does that
    holds half of a surrogate pair (core/json_text.py): other texts would be escaped in it, too."""
    return [f"Text {each} of {number}…" for each in range(number)]


class KnownForm(msgspec.Struct, frozen=True):
    """A request that was prepared, without its bytes and its body, and how these are written for other texts."""

    slots: TextSlots
    prepared: PreparedRequest
    translation: Translation

    def prepared_for(self, transcript: Transcript, body: Body) -> PreparedRequest:
        """The same for a request of this form."""
        return msgspec.structs.replace(
            self.prepared,
            payload=self.slots.filled(transcript.texts),
            body=body,
            translation=self.translation.afresh(),
        )


def learnt(
    transcript: Transcript,
    request: RequestBody,
    prepared: PreparedRequest,
    prepare: Callable[[RequestBody], PreparedRequest | Failure],
) -> KnownForm | None:
    """How other requests of the form of this one are written, which was ``prepared``; None where its texts can't be
    told apart in it."""
    marks = marks_for(len(transcript.texts))
    marked = prepare(msgspec.structs.replace(request, body=with_texts(request.body, transcript.roles, marks)))
    if isinstance(marked, Failure) or marked.translation is None or prepared.translation is None:
        return None
    slots = TextSlots.of(marked.payload, marks)
    if slots is None or slots.filled(transcript.texts) != prepared.payload:
        return None
    translation = msgspec.structs.replace(marked.translation, progress=prepared.translation.progress)
    blank, other = (
        msgspec.structs.replace(each, payload=b"", body=None, translation=None) for each in (prepared, marked)
    )
    return KnownForm(slots, blank, translation) if (blank, prepared.translation) == (other, translation) else None


_known: Final = Lru[tuple[int, object], KnownForm | Literal[False]](_MEMORY)
"""What was learnt of forms, those of all targets; False where their requests can't be written so."""


class KnownForms:
    """What is known of the requests of some forms, for one target and model. A form is worth learning when it comes
    again."""

    __slots__ = ("_seen", "_serial")
    _serials: ClassVar[Iterator[int]] = itertools.count()

    def __init__(self) -> None:
        self._serial = next(self._serials)
        self._seen: set[int] = set()
        """Hashes of forms that came once."""

    def find(self, transcript: Transcript) -> KnownForm | None:
        """What is known of requests of this form."""
        return _known.get((self._serial, transcript.form)) or None

    def comes_again(self, transcript: Transcript) -> bool:
        """Whether the form came before, is small enough to be remembered, and was not tried in vain. Notes that it
        came."""
        form = transcript.form
        if len(form[0]) > _MOST_TEXTS or len(form[1]) > _LARGEST_FORM or _known.get((self._serial, form)) is not None:
            return False
        mark = hash(form)
        if mark in self._seen:
            return True
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen.add(mark)
        return False

    def keep(self, transcript: Transcript, known: KnownForm | None) -> None:
        """Remember what was learnt of a form; None where its requests can't be written so."""
        size = len(transcript.beside) + _TEXT * len(transcript.roles) + (0 if known is None else known.slots.size)
        _known.put((self._serial, transcript.form), known or False, 1 + size // 1024)
