"""Filters of the request log, as queries say them."""

from __future__ import annotations

import pytest

from penstock.control.logs.filter_reader import read_filter
from penstock.control.refusal import Refusal


@pytest.mark.parametrize("number", ["", "a", "nan", "inf", "-inf", "1e999999", "-1e999999", "9" * 40])
@pytest.mark.parametrize("name", ["cost_min", "total_units_max", "weighted_feedback_min"])
def test_numbers_that_are_none_or_too_large_are_refused(name: str, number: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read_filter({name: number})
    assert [each.pointer for each in refusal.value.problems] == [f"/{name}"]


def test_a_number_may_be_as_small_as_it_likes() -> None:
    assert read_filter({"cost_min": "1e-999999999"}).ranges == {"amount": (0, None)}


def test_metadata_that_is_no_text_is_looked_for_as_it_is_kept() -> None:
    wanted = read_filter({"metadata": '{"beta":true,"team":null,"step":1.0,"name":"True"}'}).metadata
    assert wanted == {"beta": "true", "team": "null", "step": "1.0", "name": "True"}


def test_a_pair_is_a_provider_and_a_model_unless_these_are_asked_for_too() -> None:
    assert read_filter({"ai_org_model": "a__b__c"}).texts == {"provider": ("a",), "model": ("b__c",)}
    assert read_filter({"ai_org_model": "a__b"}).models == ()
    both = read_filter({"ai_org_model": "a__b", "models": "c"})
    assert (both.texts, both.models) == ({"model": ("c",)}, (("a", "b"),))
    assert read_filter({"ai_org_model": "a__b,c__d"}).models == (("a", "b"), ("c", "d"))
