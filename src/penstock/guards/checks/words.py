"""Lists of words: thousands of them are looked for at once."""

from __future__ import annotations

from typing import Final

from penstock.guards.base import Check, Prepared
from penstock.guards.detect.judging import detecting, fails_on_detection, mask_of, may_restore
from penstock.guards.detect.spans import DetectRule
from penstock.guards.detect.words import LONGEST, MOST_CHARACTERS, WordList
from penstock.guards.parameters import Parameters


def _words(parameters: Parameters) -> Prepared:
    words = tuple(word for word in parameters.required_texts("words") if word)
    if parameters.has("words") and not words:
        parameters.complain("words", "it must name at least one word")
    if sum(map(len, words)) > MOST_CHARACTERS or any(len(word) > LONGEST for word in words):
        reason = f"a word has at most {LONGEST} characters, the list {MOST_CHARACTERS}"
        parameters.complain("words", reason)
        words = ()
    matches_case = parameters.switch("caseSensitive")
    whole = parameters.switch("wholeWord", default=True)
    normalises = parameters.switch("normalise")
    redacts = parameters.switch("redact")
    masks = mask_of(parameters)
    fails = fails_on_detection(parameters, redacts=redacts)
    restores = may_restore(parameters, redacts=redacts)
    listed = WordList(words, matches_case=matches_case, whole=whole, normalises=normalises)
    rule = DetectRule((listed,), None, masks if redacts else None, fails, idle=listed.idle_until)
    return detecting(rule, size=listed.size, restores=restores, noun="words of the list")


CHECKS: Final = (Check("penstock.words", _words, transforms=True, scope="all"),)
