"""Text that nobody sees: tag characters, signs without width, signs that turn the direction of writing.

They smuggle instructions past a reader. Joiners inside words of other scripts and inside emoji are no such text.
Source: https://www.unicode.org/reports/tr36/ and https://www.unicode.org/reports/tr39/.
"""

from __future__ import annotations

import re
from typing import Final

from penstock.guards.base import Check, Prepared
from penstock.guards.detect.detector import Detector, always, starts_of
from penstock.guards.detect.judging import detecting
from penstock.guards.detect.spans import DetectRule
from penstock.guards.parameters import Parameters

_TAGS: Final = "\U000e0000-\U000e007f"
_UNSEEN: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\U000e0100-\U000e01ef\U0001d173-\U0001d17a"
)
_JOINERS: Final = "\u200c\u200d"
_ANY: Final = re.compile(f"[{_TAGS}{_UNSEEN}{_JOINERS}]")
_FLAG: Final = "\U0001f3f4"
_FLAG_END: Final = "\U000e007f"
_LONGEST_FLAG: Final = 8


def _joiner(text: str, start: int, end: int) -> int:
    """Accept a joiner that joins no letters of other scripts and no emoji."""
    joins = start > 0 and end < len(text) and not text[start - 1].isascii() and not text[end].isascii()
    return 0 if joins else end


def _tags(text: str, start: int, end: int) -> int:
    """Accept tag characters that spell no flag."""
    is_flag = start > 0 and text[start - 1] == _FLAG and end - start <= _LONGEST_FLAG and text[end - 1] == _FLAG_END
    return 0 if is_flag else end


_DETECTORS: Final = (
    Detector("tags", f"(?<![{_TAGS}])[{_TAGS}]{{1,4000}}", starts_of(re.compile(f"[{_TAGS}]")), (), _tags, 4000),
    Detector("unseen", f"[{_UNSEEN}]", starts_of(re.compile(f"[{_UNSEEN}]")), (), always, 1),
    Detector("joiner", f"[{_JOINERS}]", starts_of(re.compile(f"[{_JOINERS}]")), (), _joiner, 1),
)


def _idle(text: str, at: int) -> int:
    return len(text) if text.isascii() or _ANY.search(text, at) is None else -1


def _may_hold(text: str) -> bool:
    return _idle(text, 0) < 0


def _invisible(parameters: Parameters) -> Prepared:
    strips = parameters.switch("strip") or parameters.switch("redact")
    fails = parameters.switch("failOnDetection", default=not strips)

    def removed(_: str, __: str) -> str:
        return ""

    rule = DetectRule(_DETECTORS, None, (lambda: removed) if strips else None, fails, idle=_idle, may_hold=_may_hold)
    return detecting(rule, noun="invisible parts")


CHECKS: Final = (Check("penstock.invisible", _invisible, transforms=True, scope="all"),)
