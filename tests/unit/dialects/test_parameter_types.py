"""Which values of parameters dialects can rely on."""

import pytest

from penstock.dialects.malformed import Malformed
from penstock.dialects.parameter_types import checked, is_strings


def test_good_values_pass_and_whole_numbers_become_integers() -> None:
    assert checked("max_tokens", "options.num_predict", 7.0) == 7
    assert (checked("temperature", "t", 0.5), checked("stop", "s", "a"), checked("own", "own", [1])) == (0.5, "a", [1])
    assert (is_strings(["a"]), is_strings(["a", 1])) == (True, False)


@pytest.mark.parametrize(
    ("name", "value"), [("seed", "1"), ("temperature", True), ("top_p", 1e999), ("stop", [1]), ("reasoning", {})]
)
def test_a_bad_value_is_told_with_its_place(name: str, value: object) -> None:
    with pytest.raises(Malformed) as wrong:
        checked(name, f"options.{name}", value)
    assert wrong.value.path == f"options.{name}"
