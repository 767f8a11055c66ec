"""The settings of limits from variables."""

import pytest

from penstock.settings import SettingsError, load
from penstock.settings.limits import Limits
from settings_sources import NOWHERE


def test_variables() -> None:
    assert load({}, {"PENSTOCK_LIMITS_WEEK_STARTS": "monday"}, NOWHERE).limits == Limits(week_starts="monday")
    assert load({}, {}, NOWHERE).limits == Limits()


def test_other_days_are_refused() -> None:
    with pytest.raises(SettingsError, match="LIMITS_WEEK_STARTS"):
        load({}, {"PENSTOCK_LIMITS_WEEK_STARTS": "friday"}, NOWHERE)
