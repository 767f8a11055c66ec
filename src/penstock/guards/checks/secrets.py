"""Credentials in texts: keys and tokens that their makers' prefixes tell, private keys, JSON web tokens."""

from __future__ import annotations

from typing import Final

from penstock.guards.base import Check, Prepared
from penstock.guards.detect.judging import allowed, detecting, fails_on_detection, kinds_of, mask_of, may_restore
from penstock.guards.detect.secrets import SECRETS
from penstock.guards.detect.spans import rule_of
from penstock.guards.parameters import Parameters


def _secrets(parameters: Parameters) -> Prepared:
    kinds = kinds_of(parameters, "kinds", SECRETS, {}) or list(SECRETS)
    redacts = parameters.switch("redact")
    masks, counts = mask_of(parameters), allowed(parameters)
    detectors = tuple(SECRETS[kind] for kind in kinds)
    fails = fails_on_detection(parameters, redacts=redacts)
    rule = rule_of(detectors, counts, masks if redacts else None, fails=fails)
    return detecting(rule, restores=may_restore(parameters, redacts=redacts), noun="credentials")


CHECKS: Final = (Check("penstock.secrets", _secrets, transforms=True, scope="all", has_kinds=True),)
