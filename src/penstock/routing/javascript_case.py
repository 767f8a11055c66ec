"""Which letters are one letter to a JavaScript pattern with the flag ``i`` (javascript_characters.py writes them out).

Without the flag ``u`` letters are one where they have one upper case, which is a single UTF-16 unit: a letter of ASCII
is one with no other than ASCII's, so that neither ``ſ`` is an ``s`` nor the Kelvin sign a ``k``. With ``u`` they are
one where Unicode's simple case folding makes them so. The library ``regex`` agrees with neither of the two.
Source: https://tc39.es/ecma262/#sec-runtime-semantics-canonicalize-ch
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from functools import cache
from itertools import chain
from typing import Final

Ranges = list[tuple[int, int]]
"""Code points, from the first to the last of each range."""

CASED: Final = (
    (0x41, 0x587), (0x10A0, 0x10FF), (0x13A0, 0x13FD), (0x1C80, 0x1CBF), (0x1D79, 0x1D8E), (0x1E00, 0x1FFF),
    (0x2126, 0x2188), (0x24B6, 0x24E9), (0x2C00, 0x2D2D), (0xA640, 0xA7F6), (0xAB53, 0xABBF), (0xFB05, 0xFB06),
    (0xFF21, 0xFF5A), (0x10400, 0x105BC), (0x10C80, 0x10CF2), (0x10D50, 0x10D85), (0x118A0, 0x118DF),
    (0x16E40, 0x16E7F), (0x1E900, 0x1E943),
)  # fmt: skip
"""Where the letters are that have another case."""
_LAST_UNIT: Final = 0xFFFF
_LAST_OF_ASCII: Final = 0x7F


def _canonical(point: int, *, is_unicode: bool) -> int:
    """What stands for a letter where case doesn't matter."""
    letter = chr(point)
    if is_unicode:
        folded = letter.casefold()
        if len(folded) > 1:
            folded = letter.lower()
        return ord(folded) if len(folded) == 1 else point
    upper = letter.upper()
    if point > _LAST_UNIT or len(upper) > 1 or ord(upper) > _LAST_UNIT:
        return point
    return point if point > _LAST_OF_ASCII >= ord(upper) else ord(upper)


@cache
def _others(*, is_unicode: bool) -> tuple[list[int], Mapping[int, tuple[int, ...]]]:
    """The letters that are one with others, in their order, and for each of them these."""
    groups: dict[int, list[int]] = {}
    for point in chain.from_iterable(range(first, last + 1) for first, last in CASED):
        groups.setdefault(_canonical(point, is_unicode=is_unicode), []).append(point)
    several = [group for group in groups.values() if len(group) > 1]
    others = {point: tuple([each for each in group if each != point]) for group in several for point in group}
    return sorted(others), others


def in_other_cases(ranges: Ranges, *, is_unicode: bool) -> tuple[Ranges, int]:
    """The code points that are one letter with one of a range and not in it, for all of some ranges, and how many
    letters were looked up."""
    points, others = _others(is_unicode=is_unicode)
    found, letters = set[int](), 0
    for first, last in _joined(ranges):
        cased = points[bisect_left(points, first) : bisect_left(points, last + 1)]
        letters += 1 + len(cased)
        for point in cased:
            found.update([each for each in others[point] if not first <= each <= last])
    return _joined([(each, each) for each in found]), letters


def _joined(ranges: Ranges) -> Ranges:
    """Ranges in their order, none of which touches another one."""
    joined: Ranges = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(last, joined[-1][1])
        else:
            joined.append((first, last))
    return joined
