"""Advice travels between processes as bytes, and says how long it means something."""

from __future__ import annotations

import msgspec
import pytest

from penstock.routing.advice import Advice, ChoiceKept, CircuitOpened, LatencyMeasured


@pytest.mark.parametrize(
    ("advice", "lasts"),
    [
        (CircuitOpened("a", True, "t", 30.0), 30.0),
        (ChoiceKept("", False, "k", 2, 600.0), 600.0),
        (LatencyMeasured("a", False, "t", 0.25), 60.0),
    ],
)
def test_advice_comes_back_as_it_was(advice: Advice, lasts: float) -> None:
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(advice), type=Advice)
    assert (again, again.lasts) == (advice, lasts)
