"""Every setting is explained, its default fits, and settings are frozen."""

from typing import Any

import msgspec
import pytest

from penstock.core.address import LOOPBACK_NAMES
from penstock.settings import Settings, load
from penstock.settings.field import FIELDS
from penstock.settings.model import Providers, Security, Server
from settings_sources import NOWHERE


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True),
        ("0.0.0.0", False), ("::", False), ("192.0.2.1", False), ("gateway.example", False),
    ],
)  # fmt: skip
def test_what_is_open_on_loopback_is_closed_elsewhere(host: str, loopback: bool) -> None:
    settings = Settings(Server(host=host))
    assert settings.is_loopback is loopback
    assert settings.lends_keys is loopback
    assert settings.trusted_hosts == (LOOPBACK_NAMES if loopback else ())
    assert settings.guarded_hosts == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_operator_decides_against_the_habit(host: str) -> None:
    for lends in (True, False):
        settings = Settings(Server(host=host), providers=Providers(lends), security=Security(("a.lan",)))
        assert settings.lends_keys is lends
        assert settings.trusted_hosts == settings.guarded_hosts == ("a.lan",)


def as_text(value: Any) -> str:
    """A value as a variable holds it."""
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_is_explained_and_its_default_fits(name: str) -> None:
    field = FIELDS[name]
    assert field.description.endswith(".")
    assert field.expected
    if field.default is not None:
        assert field.read(field.default) == field.default
        assert field.read_text(as_text(field.default)) == field.default


def test_the_cache_can_be_turned_off() -> None:
    assert load({}, {"PENSTOCK_CACHE_MAX_BYTES": "0 MB"}, NOWHERE).cache.max_bytes == 0


def test_settings_are_frozen() -> None:
    settings: Any = Settings()
    with pytest.raises(AttributeError):
        settings.server.port = 1
    assert msgspec.structs.replace(settings.server, port=1).port == 1


def test_a_command_of_the_terminal_needs_no_database() -> None:
    settings = Settings(Server(port=1)).without_database()
    assert (settings.server.port, settings.store.database) == (1, "none")
