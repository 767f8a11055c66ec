"""With which secrets ids are bound."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import cast

import pytest

from penstock.app.ids import id_secrets
from penstock.settings.load import load
from penstock.settings.model import Settings
from penstock.stores.sql.control_store import ControlStore
from penstock.stores.sql.keyring import Keyring
from penstock.stores.sql.place import Place


class Stored:
    keyring = Keyring({"new": b"n" * 32, "old": b"o" * 32})


def settings(**environment: str) -> Settings:
    return load({}, {f"PENSTOCK_{name}": value for name, value in environment.items()}, Path("/nonexistent"))


def place(folder: Path) -> Place:
    return Place(f"sqlite:///{folder}/penstock.db", folder / "penstock.db")


def test_a_secret_of_the_gateways_own_is_kept_in_the_data_folder(tmp_path: Path) -> None:
    (secret,) = id_secrets(settings(), place(tmp_path / "data"), None)
    assert (tmp_path / "data" / "ids.secret").read_bytes() == secret
    assert id_secrets(settings(), place(tmp_path / "data"), None) == (secret,)


def test_the_operators_secrets_come_first(tmp_path: Path) -> None:
    stored = cast("ControlStore", Stored())
    assert id_secrets(settings(IDS_SECRET="text"), place(tmp_path), stored) == (b"text",)
    derived = id_secrets(settings(), Place("postgresql://host/name"), stored)
    assert derived == id_secrets(settings(), place(tmp_path), stored) == Stored.keyring.derived
    assert len(set(derived)) == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("chosen", "where"),
    [
        ({"IDS_BOUND": "false", "IDS_SECRET": "text"}, None),
        ({"STORE_REDIS": "redis://127.0.0.1:1"}, None),
        ({}, Place("postgresql://host/name")),
        ({}, Place()),
    ],
)
def test_without_a_secret_that_all_replicas_have_none_is_bound(
    chosen: dict[str, str], where: Place | None, tmp_path: Path
) -> None:
    assert id_secrets(settings(**chosen), where or place(tmp_path), None) == ()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cant_be_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "ids.secret").mkdir()
    with caplog.at_level(logging.WARNING):
        assert id_secrets(settings(), place(tmp_path), None) == ()
    assert "not bound" in caplog.text
