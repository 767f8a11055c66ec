"""What an answer holds that the caller's wire has no place for: it is left out, and named as dropped parameters are.

Each wire has a place for texts, thoughts, calls, counts and the end. What a host tells beside its answer (a
fingerprint, durations, ratings of safety) is not named. docs/dialects.md#what-an-answer-loses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from penstock.core.events import Citation, Event, Foreign, Logprobs, Media

_LONGEST: Final = 64
"""Characters of a block's kind that are told."""
_MOST: Final = 32
"""Names of one answer at most."""
_BESIDE: Final = frozenset({Foreign, Citation, Media, Logprobs})


def anywhere(_event: object) -> bool:
    """A place for each."""
    return True


def _nowhere(_event: object) -> bool:
    return False


class Places(msgspec.Struct, frozen=True):
    """What one wire has a place for beside texts, thoughts and calls. ``blocks``: whether for a block that only its
    provider has; ``sources``: whether for a source of the text. ``tells_all``: to callers who aren't strict the wire
    tells each block and each source."""

    blocks: Callable[[Foreign], bool] = _nowhere
    sources: Callable[[Citation], bool] = _nowhere
    media: bool = True
    logprobs: bool = False
    tells_all: bool = False

    def untold(self, event: Event) -> str:
        """The name of an event that the wire has no place for; empty for any other."""
        match event:
            case Foreign(value):
                return "" if self.blocks(event) else f"answer.{_kind(value)}"
            case Citation():
                return "" if self.sources(event) else "answer.citations"
            case Media():
                return "" if self.media else "answer.media"
            case Logprobs():
                return "" if self.logprobs else "answer.logprobs"
            case _:
                return ""


def _kind(value: object) -> str:
    """The kind of a provider's block: its ``type``, or the name of its member."""
    members = value if isinstance(value, dict) else {}
    kind = members.get("type")
    return (kind if isinstance(kind, str) and kind else next(iter(members), "block"))[:_LONGEST]


def has_address(citation: Citation) -> bool:
    """Whether a source is told in wires that tell addresses alone."""
    return bool(citation.url)


def with_untold(names: tuple[str, ...], events: Iterable[Event], places: Places) -> tuple[str, ...]:
    """The names of what is lost of an answer, those of some more of its events among them, each once."""
    for event in events:
        if type(event) in _BESIDE and len(names) < _MOST:
            name = places.untold(event)
            if name and name not in names:
                names = (*names, name)
    return names
