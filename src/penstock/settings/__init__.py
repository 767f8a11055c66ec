"""Beside the floors: what an operator can set. Declared in model.py, read from file, variables and flags in load.py."""

from penstock.settings.load import SettingsError, catalogue_file, config_file, load
from penstock.settings.model import Settings

__all__ = ["Settings", "SettingsError", "catalogue_file", "config_file", "load"]
