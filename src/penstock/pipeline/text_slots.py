"""Translated requests of one form, which differ in their texts alone: what was written for one request serves the
others, with their texts in it.

No provider's dialect looks into a text, with two exceptions: blank texts are left out, and white space is cut off the
end of a last message that the model continues. Requests with such texts have no transcript (dialects/transcript.py),
and are translated one by one. When a form comes for the second time, a request of this form is written with marks in
place of its texts (``learn_form``): where the marks stand, texts of later requests are put.
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
    """So many different texts that every dialect writes as they are. Each has a character beyond ASCII: a request that
    holds half of a surrogate pair is written in ASCII alone (core/json_text.py), its later texts would be, too, and so
    no mark is found in it."""
    return [f"Text {each} of {number}…" for each in range(number)]


class KnownForm(msgspec.Struct, frozen=True):
    """A prepared request without its bytes, its body and its translation, and what makes these for other texts."""

    slots: TextSlots
    prepared: PreparedRequest
    translation: Translation

    def prepared_for(self, transcript: Transcript, body: Body) -> PreparedRequest:
        """The prepared request for another request of this form."""
        return msgspec.structs.replace(
            self.prepared,
            payload=self.slots.filled(transcript.texts),
            body=body,
            translation=self.translation.afresh(),
        )


def learn_form(
    transcript: Transcript,
    request: RequestBody,
    prepared: PreparedRequest,
    prepare: Callable[[RequestBody], PreparedRequest | Failure],
) -> KnownForm | None:
    """How requests of this request's form are written. ``prepared`` is the request itself, ``prepare`` prepares
    another. None where marks in place of its texts change more than these texts."""
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
    """The forms of requests for one target and model: which are known, and which came once. A form is learnt when it
    comes for the second time."""

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
