"""Beside the floors: what an operator can set. Declared in model.py, read from file, variables and flags in load.py."""

from penstock.settings.load import (
    ADMIN_KEY,
    GUARDED,
    IN_DATABASE,
    IN_FILE,
    METRICS_FOLDER,
    SECRET_KEYS,
    SECRET_KEYS_FILE,
    SettingsError,
    catalogue_file,
    config_file,
    database_had_keys,
    load,
    must_be_guarded,
    refuse_open,
    working_directory,
)
from penstock.settings.model import Settings

__all__ = [
    "ADMIN_KEY", "GUARDED", "IN_DATABASE", "IN_FILE", "METRICS_FOLDER", "SECRET_KEYS", "SECRET_KEYS_FILE", "Settings",
    "SettingsError", "catalogue_file", "config_file", "database_had_keys", "load", "must_be_guarded", "refuse_open",
    "working_directory",
]  # fmt: skip
