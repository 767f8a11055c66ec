"""JavaScript's regular expressions (without flags), for the queries of conditional routing.

Patterns come from callers and run on the event loop, so every search has a time limit. Python's own ``re`` has no time
limit, so the library ``regex`` runs the search.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import regex

_SEARCH_TIMEOUT: Final = 0.01
"""Seconds that one search may take; ordinary ones take microseconds."""
_MAX_TIMEOUTS: Final = 3
"""After this number of timeouts a pattern is not run any more: it matches nothing."""
_MOST_REPEATS: Final = 100_000
"""The largest product of a pattern's bounded repeats, such as ``{2,30}``: the compiler writes each repetition out."""
_TOKEN: Final = re.compile(r"\\.|\[\^?\]|\[(?:\\.|[^\]\\])*\]|[.$]", re.DOTALL)
_REPEAT: Final = re.compile(r"\{(\d{1,12})(?:,(\d{0,12}))?\}")
_TRANSLATED: Final = {"[]": "(?!)", "[^]": r"[\s\S]", ".": r"[^\n\r\u2028\u2029]", "$": r"\Z"}
"""JavaScript's syntax -> Python's syntax with the same meaning."""


class TooLarge(Exception):
    """The pattern would take too much memory."""


def searcher(source: str) -> Callable[[str], bool] | None:
    """A function that says whether a text contains a match; None if the pattern is not valid. Raises TooLarge."""
    if math.prod(max(int(least), int(most or 0), 1) for least, most in _REPEAT.findall(source)) > _MOST_REPEATS:
        raise TooLarge
    import regex  # few configs need it, and every start would pay for it

    pattern = _TOKEN.sub(lambda match: _TRANSLATED.get(match[0], match[0]), source)
    try:
        return _Search(regex.compile(pattern, regex.ASCII))
    except (regex.error, RecursionError, OverflowError):
        return None


class _Search:
    __slots__ = ("_compiled", "_timeouts_left")

    def __init__(self, compiled: regex.Pattern[str]) -> None:
        self._compiled = compiled
        self._timeouts_left = _MAX_TIMEOUTS

    def __call__(self, text: str) -> bool:
        if not self._timeouts_left:
            return False
        try:
            return self._compiled.search(text, timeout=_SEARCH_TIMEOUT) is not None
        except TimeoutError:
            self._timeouts_left -= 1
            return False
