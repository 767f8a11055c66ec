"""What a misspelt word was probably meant to be.

Words come from callers, and the comparison takes time in proportion to the product of both lengths and the number of
known words. So only the beginning of a word is compared, and only with the first known words of a long list.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

_CUTOFF: Final = 0.6
_LONGEST: Final = 64
"""Characters of a word that are compared: no known word is longer."""
_MOST: Final = 500
"""Known words that a word is compared with."""


def nearest(word: str, known: Iterable[str], cutoff: float = _CUTOFF) -> str | None:
    """The known word that is most like this one: the one that it becomes when two neighbouring characters change
    places, or else the most similar one.

    None if no word's similarity reaches ``cutoff``, from 0 (nothing in common) to 1 (the same).
    """
    from difflib import get_close_matches  # only a misspelt word needs it, and every start would pay for it

    word, words = word[:_LONGEST], list(islice(known, _MOST))
    matches = _swapped(word).intersection(words) or get_close_matches(word, words, 1, cutoff)
    return min(matches, default=None)


def _swapped(word: str) -> set[str]:
    return {word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1)}


def hint(word: str, known: Iterable[str], otherwise: str, cutoff: float = _CUTOFF, quote: str = "") -> str:
    """The end of a message about an unknown word, for example ``did you mean 'openai'?`` with ``'`` as ``quote``.

    ``otherwise`` is the end if no known word is near.
    """
    closest = nearest(word, known, cutoff)
    return otherwise if closest is None else f"did you mean {quote}{closest}{quote}?"
