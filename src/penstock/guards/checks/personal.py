"""Personal data: mail addresses, numbers of cards, accounts and people, found and masked where the gateway runs."""

from __future__ import annotations

import re
from typing import Final

from penstock.guards.base import Check, Prepared
from penstock.guards.detect.detector import CONTEXT, Detector
from penstock.guards.detect.judging import (
    allowed,
    detecting,
    fails_on_detection,
    kinds_of,
    mask_of,
    may_restore,
)
from penstock.guards.detect.personal import ALIASES, DEFAULT, GROUPS, PERSONAL
from penstock.guards.detect.spans import rule_of
from penstock.guards.parameters import Parameters


def _personal(parameters: Parameters) -> Prepared:
    known = {**PERSONAL, **GROUPS}
    listed = kinds_of(parameters, "entities", known, ALIASES)
    kinds = [kind for each in listed or DEFAULT for kind in GROUPS.get(each, (each,))]
    redacts = parameters.switch("redact")
    masks, counts = mask_of(parameters), allowed(parameters)
    detectors = [PERSONAL[kind] for kind in dict.fromkeys(kinds)]
    words = parameters.texts("contextWords")
    if words:
        detectors = [_behind(words, each) for each in detectors]
    fails = fails_on_detection(parameters, redacts=redacts)
    rule = rule_of(tuple(detectors), counts, masks if redacts else None, fails=fails)
    return detecting(rule, restores=may_restore(parameters, redacts=redacts), noun="pieces of personal data")


def _behind(words: tuple[str, ...], detector: Detector) -> Detector:
    """A detector whose finds count only with one of some words not far before them."""
    alternatives = "|".join(re.escape(word) for word in words if word)
    near = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE)

    def accepts(text: str, start: int, end: int) -> int:
        is_near = near.search(text[max(0, start - CONTEXT) : start]) is not None
        return detector.accepts(text, start, end) if is_near else 0

    return Detector(
        detector.kind,
        detector.pattern,
        detector.starts,
        detector.marks,
        accepts,
        detector.width,
        ignores_case=detector.ignores_case,
        first_end_is_final=detector.first_end_is_final,
    )


CHECKS: Final = (Check("penstock.pii", _personal, transforms=True, scope="all"),)
