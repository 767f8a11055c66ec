"""Beside the floors: what an operator can set. Declared in model.py, read from file, variables and flags in load.py."""

from penstock.settings.load import SettingsError, catalogue_file, config_file, load, must_be_guarded, to_environ
from penstock.settings.model import Settings

__all__ = [
    "Settings", "SettingsError", "catalogue_file", "config_file", "load", "must_be_guarded", "to_environ",
]  # fmt: skip
