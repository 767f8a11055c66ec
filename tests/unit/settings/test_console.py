"""The console's settings from variables."""

import pytest

from penstock.settings import SettingsError, load
from penstock.settings.console import Console
from settings_sources import NOWHERE


def test_variables() -> None:
    environ = {"PENSTOCK_CONSOLE_ENABLED": "false", "PENSTOCK_CONSOLE_SESSION_SECONDS": "60"}
    assert load({}, environ, NOWHERE).console == Console(enabled=False, session_seconds=60)


@pytest.mark.parametrize("seconds", ["59", "2592001", "x"])
def test_bounds(seconds: str) -> None:
    with pytest.raises(SettingsError, match="CONSOLE_SESSION_SECONDS"):
        load({}, {"PENSTOCK_CONSOLE_SESSION_SECONDS": seconds}, NOWHERE)
