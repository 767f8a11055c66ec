"""The class of an error by its codes and its text, over the rows of all providers."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Final

from penstock.core.outcome import ErrorClass
from penstock.dialects.error_words.of_accounts import LIMITED, OVERLOADED, REFUSED, USED_UP
from penstock.dialects.error_words.of_requests import FILTERED, TOO_LONG
from penstock.dialects.error_words.row import ErrorWords

ROWS: Final[tuple[ErrorWords, ...]] = (*TOO_LONG, *FILTERED, *USED_UP, *LIMITED, *REFUSED, *OVERLOADED)

_ORDER: Final = tuple(dict.fromkeys(row.error for row in ROWS))
"""Of several classes that the words of one error name, the first counts."""
_NONE: Final[frozenset[str]] = frozenset()


def _codes(error: ErrorClass, *, own: bool) -> dict[str, frozenset[str]]:
    """The codes of a class by the slug at which they count; everywhere under an empty slug."""
    codes: dict[str, set[str]] = {}
    for row in ROWS:
        if row.error is error and row.own is own:
            for slug in (row.provider, *row.also) if own else ("",):
                codes.setdefault(slug, set()).update(row.codes.split())
    return {slug: frozenset(words) for slug, words in codes.items()}


@cache
def _texts(error: ErrorClass) -> re.Pattern[str]:
    """The texts of a class as one pattern, compiled by the first error that is searched for them."""
    texts = dict.fromkeys(text for row in ROWS if row.error is error for text in row.texts)
    return re.compile("|".join(texts) or r"(?!)", re.IGNORECASE)


_OWN: Final = {error: _codes(error, own=True) for error in _ORDER}
_COMMON: Final = {error: _codes(error, own=False).get("", _NONE) for error in _ORDER}
_STATUSES: Final = {
    ErrorClass.CONTEXT_LENGTH: frozenset({400, 403, 413, 422, 424, 500}),
    ErrorClass.CONTENT_FILTER: frozenset({400, 403, 413, 422, 451}),
    ErrorClass.QUOTA: frozenset({400, 401, 403, 412, 422, 429, 500}),
    ErrorClass.RATE_LIMIT: frozenset({400, 403}),
    ErrorClass.AUTH: frozenset({400}),
}
"""The statuses with which the text of an error is searched for the words of a class."""
_ECHO: Final = re.compile(
    r"""
    \b(content|input|input_value|prompt|text|value)['"]?\s?[:=]\s?   # the name of what is echoed
    ( '(?:[^'\\]|\\.)*(?:'|\Z) | "(?:[^"\\]|\\.)*(?:"|\Z) | [\[{].*\Z )
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
"""A part of the request that an error repeats: what the caller says there is not the provider's word."""


def class_of_code(codes: AbstractSet[str], provider: str) -> ErrorClass | None:
    """The class that an error's codes name, in lower case; a provider's own meaning of a code before the others'."""
    for error in _ORDER:
        if codes & _OWN[error].get(provider, _NONE):
            return error
    return next((error for error in _ORDER if codes & _COMMON[error]), None)


def class_of_text(text: str, status: int) -> ErrorClass | None:
    """The class that an error's text names, at a status that leaves it open."""
    words = _ECHO.sub(" ", text)
    return next(
        (error for error, statuses in _STATUSES.items() if status in statuses and _texts(error).search(words)), None
    )
