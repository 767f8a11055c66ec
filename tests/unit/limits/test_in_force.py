"""The limits of a catalogue, sorted by whom they are for."""

from __future__ import annotations

import msgspec

from limiting import budget, rate
from penstock.limits.applied import Applied
from penstock.limits.in_force import NOTHING_IN_FORCE, LimitsInForce, Owner
from penstock.limits.policy import Policy, PolicyCondition

OWN, OF_WORKSPACE, OF_ALL = (Applied(budget(id=name)) for name in ("own", "workspace", "organisation"))


def policy(id_: str, *conditions: tuple[str, str], group_by: tuple[str, ...] = (), strict: bool = False) -> Policy:
    met = tuple(PolicyCondition(key, (value,)) for key, value in conditions)
    return Policy(id_, rate(id=id_, strict=strict), met, group_by)


def test_an_owner_has_its_own_limits_and_those_of_its_workspace_and_of_all() -> None:
    in_force = LimitsInForce((OF_ALL,), {"w": (OF_WORKSPACE,)})
    owner = Owner((("api_key", "k"), ("workspace_id", "w")), (OWN,))
    assert in_force.of(owner).limits == (OWN, OF_WORKSPACE, OF_ALL)
    assert in_force.of(Owner((("workspace_id", "other"),))).limits == (OF_ALL,)
    assert (in_force.is_empty, NOTHING_IN_FORCE.is_empty) == (False, True)
    assert NOTHING_IN_FORCE.of(Owner()).is_empty


def test_policies_are_sorted_and_those_that_never_apply_left_out() -> None:
    mine, others = policy("mine", ("api_key", "k")), policy("others", ("api_key", "x"))
    per_model, per_user = (
        policy("m", ("model", "*")),
        policy("u", ("metadata._user", "*"), group_by=("metadata._user",)),
    )
    archived = msgspec.structs.replace(mine, is_active=False)
    keyless = policy("g", group_by=("workspace_id",))
    found = LimitsInForce(policies=(mine, others, per_model, per_user, archived, keyless)).of(
        Owner((("api_key", "k"),))
    )
    assert [each.id for each in found.of_requests] == ["mine", "u"]
    assert [each.id for each in found.of_attempts] == ["m"]
    assert (found.reads_metadata, found.has_strict, found.is_empty) == (True, False, False)
    assert [each.limit.id for each in found.for_request({"api_key": "k"})] == ["mine"]
    assert [each.value_key for each in found.for_request({"metadata._user": "bob"})] == ["metadata._user:bob"]


def test_a_strict_limit_is_told() -> None:
    assert LimitsInForce(policies=(policy("s", strict=True),)).of(Owner()).has_strict
