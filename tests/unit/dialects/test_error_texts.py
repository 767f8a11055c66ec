"""What the message of an error says in every caller's wire."""

from __future__ import annotations

import json

import pytest

from penstock.core.failure import Failure, Kind
from penstock.dialects.caller_errors import TargetError
from penstock.dialects.error_texts import beside, words


def test_every_fault_is_told() -> None:
    assert words(Failure(Kind.INVALID_REQUEST, "Two.", details=("a", "b"))) == "Two.\na\nb"


@pytest.mark.parametrize(
    ("kind", "message", "told"),
    [
        (Kind.BODY_TOO_LARGE, "Too much.", f"Too much. [{Kind.BODY_TOO_LARGE.value}]"),
        (Kind.BODY_TOO_LARGE, f"A {Kind.BODY_TOO_LARGE.value}.", f"A {Kind.BODY_TOO_LARGE.value}."),
        (Kind.INTERNAL, "Broken.", "Broken."),
    ],
)
def test_the_code_is_told_where_it_says_more(kind: Kind, message: str, told: str) -> None:
    assert words(Failure(kind, message)) == told


@pytest.mark.parametrize(("body", "said"), [({"message": "Down"}, "Down"), ({}, "no message")])
def test_two_targets(body: dict[str, str], said: str) -> None:
    last = TargetError("b", 500, json.dumps(body).encode(), None)
    told = beside("Bad", TargetError("a", 400, b"{}", None), last)
    assert told == f"Bad (a; the last target, b, answered with status 500: {said})"
