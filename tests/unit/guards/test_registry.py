import itertools
from typing import Any, Final

import pytest

from penstock.guards.base import Check, Phase
from penstock.guards.parameters import Parameters
from penstock.guards.registry import all_checks, check_of, full_id, is_known
from penstock.routing.problems import Problems


def test_ids_without_regard_to_case() -> None:
    for name in ("contains", "default.Contains", "alluppercase", "isAllLowerCase", "modelwhitelist"):
        assert check_of(name) is not None, name
    assert check_of("nothing") is None
    assert full_id("contains") == "default.contains"


def test_plugins_of_portkeys_are_known() -> None:
    assert is_known("bedrock.other")
    assert not is_known("mine.guard")


def test_every_check_has_an_id_of_its_own() -> None:
    assert len({check.id for check in all_checks().values()}) == len(
        {check.id.lower() for check in all_checks().values()}
    )


VALUES: Final[list[Any]] = [
    None, True, 0, -1, 1.5, 10**400, "", "x", "1e999", "(", [], [1], ["x"], [[]], [{}], {}, {"x": []}, {"x": 1}, {"x": {}},
]  # fmt: skip


class EveryValue(dict[str, Any]):
    """Parameters that are all there: one value for one of them, and another for all others."""

    def __init__(self, name: str, value: Any, other: Any) -> None:
        self.name, self.value, self.other = name, value, other
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return self.value if name == self.name else self.other


@pytest.mark.parametrize("check", all_checks().values(), ids=lambda check: check.id)
@pytest.mark.parametrize("phase", list(Phase))
def test_no_value_of_a_parameter_is_more_than_a_refusal(check: Check, phase: Phase) -> None:
    def prepare(values: EveryValue) -> set[str]:
        check.prepare(Parameters(values, "p", Problems(), phase))
        return values.asked

    for other in (None, "x", ["x"]):
        names = prepare(EveryValue("", None, other))
        for name, value in itertools.product(names, VALUES):
            prepare(EveryValue(name, value, other))
