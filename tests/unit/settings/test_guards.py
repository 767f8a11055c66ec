from pathlib import Path

import pytest

from penstock.settings import SettingsError, load

NOWHERE = Path("/nonexistent")


def test_the_section_of_guards() -> None:
    guards = load({}, {}, NOWHERE).guards
    assert (guards.on_error, guards.stream, guards.excerpts, guards.unguarded) == ("pass", "", "own", "pass")
    environment = {"PENSTOCK_GUARDS_ON_ERROR": "fail", "PENSTOCK_GUARDS_DEFAULT_INPUT": "pii,words"}
    guards = load({}, environment, NOWHERE).guards
    assert (guards.on_error, guards.default_input) == ("fail", ("pii", "words"))


def test_other_words_are_refused() -> None:
    with pytest.raises(SettingsError):
        load({}, {"PENSTOCK_GUARDS_STREAM": "sometimes"}, NOWHERE)
