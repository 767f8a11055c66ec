"""What editors complete in a config is what the parser takes."""

from __future__ import annotations

import pytest

from penstock.routing.config_members import MEMBERS, VALUES
from penstock.routing.leaf import REFUSED_KEYS


def test_no_member_is_offered_that_is_refused() -> None:
    assert not set(MEMBERS["config"]) & REFUSED_KEYS.keys()
    assert {"strategy", "targets", "retry", "cb_config"} <= set(MEMBERS["config"])


@pytest.mark.parametrize("member", [name for name in MEMBERS if name not in {"config", "conditions"}])
def test_every_object_stands_in_a_config_or_its_strategy(member: str) -> None:
    assert member in {*MEMBERS["config"], *MEMBERS["strategy"]}


def test_values_belong_to_members() -> None:
    for place in VALUES:
        holder, _, name = place.rpartition(".")
        assert name in (MEMBERS[holder] if holder else {*MEMBERS["config"], *MEMBERS["retry"], *MEMBERS["strategy"]})
    assert VALUES["strategy.mode"] == ("single", "loadbalance", "fallback", "conditional")
