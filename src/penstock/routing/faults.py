"""The faults of a dry run: ``targets[0]=429x2|stall,targets[1]=reset@0.5`` -> ``Fault`` values.

The syntax is a target, ``=``, and the results of the target's calls in order, with ``|`` between the results. After the
last result the target's calls succeed. ``xN`` repeats a result N times, ``@SECONDS`` sets the call's duration, and
``(retry-after=SECONDS)`` sets the Retry-After header of an HTTP status.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import Enum
from typing import Final

import msgspec

from penstock.core.did_you_mean import hint, nearest


class Word(Enum):
    """The results of a call that are no HTTP status."""

    OK = "ok"
    REFUSED = "refused"
    RESET = "reset"
    CONNECT_TIMEOUT = "connect-timeout"
    STALL = "stall"
    """No response head in time."""
    SLOW_TOKEN = "slow-token"  # noqa: S105 (a token of text)
    """The head of a stream arrives, but no content."""
    CUT = "cut"
    """A reply that ends before its first content."""
    ERROR_EVENT = "error-event"
    """A stream that begins with an error."""
    EMPTY = "empty"
    INVALID = "invalid"
    CONTEXT_LENGTH = "context_length"
    CONTENT_FILTER = "content_filter"
    AUTH = "auth"


class Fault(msgspec.Struct, frozen=True):
    """The result of ``times`` calls in a row: a word or an HTTP status. ``seconds`` is None if no duration is set."""

    what: Word | int
    times: int = 1
    seconds: float | None = None
    retry_after: float | None = None

    @property
    def written(self) -> str:
        return self.what.value if isinstance(self.what, Word) else str(self.what)


class BadFaults(Exception):
    """The text of faults has an error. The message is a sentence with the position and the reason."""


WELL: Final = Fault(Word.OK)
Script = dict[str, list[Fault]]
"""The faults of each target, by its path."""

_MOST: Final = 1000
LONGEST: Final = 16 << 10
"""Characters of a text of faults."""
_MOST_FAULTS: Final = 1000
# White space is matched possessively: a text that fails behind a long run of it is not tried again from each space.
_TARGET: Final = re.compile(r"\s*+([^=,|]*+)=")
_WHAT: Final = re.compile(r"\s*+([^\s(@|,]+?)(?=x\d|[\s(@|,]|$)")
_NUMBER: Final = r"(\d{1,6}(?:\.\d{1,6})?)"
_MORE: Final = re.compile(rf"\s*+(?:x(\d{{1,6}})|@{_NUMBER}s?|\(\s*+retry-after\s*+=\s*+{_NUMBER}s?\s*+\))")
_END: Final = re.compile(r"\s*+(?:([|,])|$)")
_WORDS: Final = {word.value: word for word in Word}


def read_faults(text: str, targets: Collection[str]) -> Script:
    """The script for the targets with these paths, such as ``targets[0]``. Raises BadFaults.

    This takes time in proportion to the length of the text, which is bounded.
    """
    if len(text) > LONGEST:
        raise _bad(LONGEST, f"at most {LONGEST} characters can be read")
    script: Script = {}
    known = dict.fromkeys(targets)
    at, separator, number = 0, "," if text.strip() else "", 0
    path = ""
    while separator:
        if separator == ",":
            path, at = _target(text, at, known)
        fault, at = _fault(text, at)
        number += 1
        if number > _MOST_FAULTS:
            raise _bad(at, f"there are more than {_MOST_FAULTS} outcomes: xN repeats one")
        script.setdefault(path, []).append(fault)
        end = _END.match(text, at)
        if end is None:
            raise _bad(at, "expected xN, @SECONDS, (retry-after=SECONDS), a | before the next outcome or a comma")
        separator, at = end[1] or "", end.end()
    return script


def _target(text: str, at: int, targets: Collection[str]) -> tuple[str, int]:
    match = _TARGET.match(text, at)
    if match is None:
        raise _bad(at, "expected a target and what comes of its calls, such as targets[0]=429x2")
    path = match[1].rstrip().removeprefix("config.")
    if path not in targets:
        near = nearest(path, targets, 0.0)
        suggestion = "" if near is None else f": did you mean '{near}'?"
        raise _bad(match.start(1), f"there is no target '{path[:64]}'{suggestion}")
    return path, match.end()


def _fault(text: str, at: int) -> tuple[Fault, int]:
    match = _WHAT.match(text, at)
    if match is None:
        raise _bad(at, f"expected what comes of the call: an HTTP status, or one of {', '.join(_WORDS)}")
    what, start, at = _what(match[1], match.start(1)), match.start(1), match.end()
    times, seconds, retry_after = 1, None, None
    while more := _MORE.match(text, at):
        at = more.end()
        if more[1]:
            times = int(more[1])
        elif more[2]:
            seconds = float(more[2])
        else:
            retry_after = float(more[3])
    if not 1 <= times <= _MOST:
        raise _bad(start, f"expected x1 to x{_MOST}")
    if retry_after is not None and isinstance(what, Word):
        raise _bad(start, f"'{what.value}' asks for nothing: (retry-after=SECONDS) goes with an HTTP status")
    return Fault(what, times, seconds, retry_after), at


def _what(text: str, at: int) -> Word | int:
    if text.isascii() and text.isdecimal():
        if 200 <= (status := int(text[:9])) <= 599:
            return status
        raise _bad(at, f"{text[:9]} is no HTTP status from 200 to 599")
    word = _WORDS.get(text)
    if word is None:
        way_out = hint(text, _WORDS, f"there are HTTP statuses and {', '.join(_WORDS)}", 0.5, "'")
        raise _bad(at, f"there is no outcome '{text[:64]}': {way_out}")
    return word


def _bad(at: int, reason: str) -> BadFaults:
    end = "" if reason.endswith("?") else "."
    return BadFaults(f"The faults can't be played, character {at + 1}: {reason}{end}")
