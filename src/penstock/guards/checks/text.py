"""Checks of what a text says and how long it is. Source: docs/guardrails.md#checks."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

from penstock.core.json_text import write_json
from penstock.guards.base import Check, Judgement, Prepared, judging_text, no_text
from penstock.guards.detect.spans import DetectRule
from penstock.guards.detect.words import LONGEST, MOST_CHARACTERS, WordList, ascii_folded
from penstock.guards.hold import HoldRule
from penstock.guards.parameters import Parameters
from penstock.guards.patterns import excerpt, utf16
from penstock.routing.javascript_regex import BREAK, LONGEST_RUN

_OPERATORS: Final = ("any", "all", "none")
_SPACE: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""White space as JavaScript has it."""
_SPACES: Final = str.maketrans(dict.fromkeys(_SPACE, " "))


def _contains(parameters: Parameters) -> Prepared:
    words = parameters.required_texts("words")
    operator = parameters.choice("operator", _OPERATORS)
    matches_case = parameters.switch("caseSensitive", default=True)
    whole = parameters.switch("wholeWord")
    listed = _list_of(words, matches_case=matches_case)
    finds = _finder(words, matches_case=matches_case, whole=whole)

    def judged(found: list[str]) -> Judgement:
        there = set(found)
        missing = [word for word in words if word not in there]
        verdict = bool(found) if operator == "any" else not (missing if operator == "all" else found)
        what = f"The check for {operator} of {len(words)} words {'passed' if verdict else 'failed'}"
        data = {
            "explanation": f"{what}: {len(found)} found, {len(missing)} missing.",
            "foundWords": found,
            "missingWords": missing,
            "operator": operator,
        }
        return Judgement(verdict, data)

    nothing = judged([])
    clean_data = write_json(nothing.data)

    def judge(text: str) -> Judgement:
        found = finds(text) if listed is None or listed.holds(text) else None
        return judged(found) if found else nothing

    def glance(text: str) -> bytes | None:
        for word in words:
            if word in text:
                return None
        return clean_data

    def glance_at_list(text: str) -> bytes | None:
        return None if listed is None or listed.holds(text) else clean_data

    hold: HoldRule | DetectRule | None = None
    may_hold = operator == "none" and all(words) and bool(words) and not whole
    if may_hold and listed is not None:
        hold = DetectRule((listed,), idle=listed.idle_until)
    elif may_hold:
        # A word that is there stays there, whatever follows.
        hold = HoldRule(_any_of(words, matches_case=matches_case), first_end_is_final=True)
    size = sum(map(len, words)) * 4 if listed is None else listed.size
    if operator != "none" or (listed is None and (whole or not matches_case)):
        return judging_text(judge, hold=hold, size=size)
    return judging_text(
        judge, hold=hold, size=size, glance=glance if listed is None else glance_at_list, clean=clean_data
    )


_HALF: Final = re.compile("[\ud800-\udfff]")
_MANY: Final = 16
"""Words from which on a text is searched for all of them at once."""


def _list_of(words: tuple[str, ...], *, matches_case: bool) -> WordList | None:
    """Many words as one list, which tells fast whether a text may hold any; None where they are few, too long, of
    letters beside ASCII whose case doesn't matter, or hold half of a surrogate pair."""
    if len(words) < _MANY or not all(words) or sum(map(len, words)) > MOST_CHARACTERS or max(map(len, words)) > LONGEST:
        return None
    if not all(map(str.isascii, words)) and not (matches_case and _HALF.search("".join(words)) is None):
        return None
    if matches_case:
        return WordList(words, matches_case=True, whole=False)
    return WordList(words, matches_case=True, whole=False, fold=ascii_folded, counts=_counting(words))


def _finder(words: tuple[str, ...], *, matches_case: bool, whole: bool) -> Callable[[str], list[str]]:
    """Finds which of the words are in a text."""
    if matches_case and not whole:
        return lambda text: [word for word in words if word in text]
    pattern_of = cache(partial(_word_pattern, matches_case=matches_case, whole=whole))
    # A word is in a text only if its key is in the text, or in what is made of it where case doesn't matter.
    keys = [(word, word if matches_case else ascii_folded(word) if word.isascii() else "") for word in words]

    def finds(text: str) -> list[str]:
        searched = text if matches_case else ascii_folded(text)
        return [word for word, key in keys if key in searched and pattern_of(word).search(text)]

    return finds


def _counting(words: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether what stands where a list has a word is that word without regard to case: the list takes a letter of ASCII
    for more than a pattern does."""
    pattern_of = cache(partial(_word_pattern, matches_case=False, whole=False))
    alike: dict[str, list[str]] = {}
    for word in words:
        alike.setdefault(ascii_folded(word), []).append(word)

    def counts(found: str) -> bool:
        return found.isascii() or any(pattern_of(word).fullmatch(found) for word in alike.get(ascii_folded(found), ()))

    return counts


def _word_pattern(word: str, *, matches_case: bool, whole: bool) -> Any:
    import regex  # few configs need it, and every start would pay for it

    flags = regex.V0 if matches_case else regex.IGNORECASE
    escaped = _in_runs(word)
    return regex.compile(rf"(?<!\w){escaped}(?!\w)" if whole else escaped, flags, cache_pattern=False)


def _any_of(words: tuple[str, ...], *, matches_case: bool) -> Any:
    import regex

    flags = regex.V0 if matches_case else regex.IGNORECASE
    return regex.compile("|".join(map(_in_runs, words)), flags, cache_pattern=False)


def _in_runs(word: str) -> str:
    """The pattern of a word, in which no run of characters is long."""
    import regex

    runs = [word[at : at + LONGEST_RUN] for at in range(0, len(word), LONGEST_RUN)]
    return BREAK.join(map(regex.escape, runs))


def _count(
    singular: str,
    bounds: tuple[str, str],
    names: tuple[str, str],
    count: Callable[[str], int],
    *,
    needs_text: bool = True,
    trims: bool = False,
    is_whole: bool = True,
) -> Callable[[Parameters], Prepared]:
    """A check that counts. ``bounds`` are the parameters, ``told`` their names in the data. ``trims``: white space
    around the text is none of it. ``is_whole``: the bounds are integers; one below zero is valid, and bounds nothing or
    everything."""

    def prepare(parameters: Parameters) -> Prepared:
        read = parameters.integer if is_whole else parameters.number
        least, most = read(bounds[0]), read(bounds[1])
        if least is None and most is None and not (parameters.has(bounds[0]) or parameters.has(bounds[1])):
            parameters.complain(bounds[0], f"Required: {bounds[0]} or {bounds[1]}, or both")
        inverts = parameters.switch("not")
        lower, upper = _whole(least or 0), None if most is None else _whole(most)

        def judge(checked: str) -> Judgement:
            text = checked.strip(_SPACE) if trims else checked
            if needs_text and not text:
                blank = {"textExcerpt": excerpt(checked)} if checked else {}
                return no_text({names[0]: lower, names[1]: upper, "not": inverts, **blank})
            number = count(text)
            within = number >= lower and (upper is None or number <= upper)
            verdict = within is not inverts
            data = {
                f"{singular}Count": number,
                names[0]: lower,
                names[1]: upper,
                "not": inverts,
                "verdict": verdict,
                "explanation": f"The {singular} count of {number} is {'within' if within else 'outside'} the bounds.",
                "textExcerpt": excerpt(text),
            }
            return Judgement(verdict, data)

        return judging_text(judge)

    return prepare


def _whole(number: float) -> int | float:
    return int(number) if number == int(number) else number


def _words(text: str) -> int:
    """The number of words, counted a slice at a time: a list of all takes thirty times the memory of the text."""
    number, is_in_word = 0, False
    for start in range(0, len(text), _SLICE):
        part = text[start : start + _SLICE].translate(_SPACES)
        number += len([word for word in part.split(" ") if word]) - (is_in_word and part[0] != " ")
        is_in_word = part[-1] != " "
    return number


_SLICE: Final = 64 << 10


def _sentences(text: str) -> int:
    return sum(map(text.count, ".!?"))


def _case(name: str, change: Callable[[str], str]) -> Callable[[Parameters], Prepared]:
    def prepare(parameters: Parameters) -> Prepared:
        inverts = parameters.switch("not")

        def judge(text: str) -> Judgement:
            if not text:
                return no_text({"not": inverts})
            is_so = text == change(text)
            verdict = is_so is not inverts
            data = {
                "verdict": verdict,
                "not": inverts,
                "explanation": f"The text is {'' if is_so else 'not '}all {name}.",
                "textExcerpt": excerpt(text),
            }
            return Judgement(verdict, data)

        return judging_text(judge)

    return prepare


def _upper(text: str) -> str:
    return text.translate(_TO_UPPER)


def _lower(text: str) -> str:
    return text.translate(_TO_LOWER)


_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_TO_UPPER: Final = str.maketrans(_LETTERS, _LETTERS.upper())
_TO_LOWER: Final = str.maketrans(_LETTERS.upper(), _LETTERS)


def _ends_with(parameters: Parameters) -> Prepared:
    suffix = parameters.required_text("suffix")
    inverts = parameters.switch("not")

    def judge(text: str) -> Judgement:
        if not text:
            return no_text({"suffix": suffix, "not": inverts})
        ends = text.endswith((suffix, f"{suffix}."))
        verdict = ends is not inverts
        data = {
            "suffix": suffix,
            "not": inverts,
            "verdict": verdict,
            "explanation": f"The text {'ends' if ends else 'does not end'} with the suffix.",
            "textExcerpt": excerpt(text),
        }
        return Judgement(verdict, data)

    return judging_text(judge)


CHECKS: Final = (
    Check("default.contains", _contains),
    Check(
        "default.wordCount",
        _count("word", ("minWords", "maxWords"), ("minWords", "maxWords"), _words, trims=True),
    ),
    Check(
        "default.sentenceCount",
        _count(
            "sentence",
            ("minSentences", "maxSentences"),
            ("minCount", "maxCount"),
            _sentences,
            needs_text=False,
            is_whole=False,
        ),
    ),
    Check(
        "default.characterCount",
        _count("character", ("minCharacters", "maxCharacters"), ("minCharacters", "maxCharacters"), utf16),
    ),
    Check("default.alluppercase", _case("upper case", _upper), aliases=("default.isAllUpperCase",)),
    Check("default.alllowercase", _case("lower case", _lower), aliases=("default.isAllLowerCase",)),
    Check("default.endsWith", _ends_with),
)
