"""Whose key it is, and that nothing printable shows what must stay secret."""

import hashlib
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.secret import Secret
from penstock.stores.catalogue import EMPTY, NAME, Catalogue, GatewayKey, SavedConfig, VirtualKey, digest_of


def key(name: str, text: str) -> GatewayKey:
    return GatewayKey(name, hashlib.sha256(text.encode()).digest())


def test_the_holder_of_a_key() -> None:
    catalogue = Catalogue(keys=(key("a", "pk-a"), key("b", "pk-b"), key("c", "pk-c")))
    assert [catalogue.key_for(f"pk-{name}") for name in "abc"] == [*catalogue.keys]
    assert catalogue.key_for("pk-d") is None
    assert catalogue.key_for("") is None
    assert EMPTY.key_for("pk-a") is None


def test_every_key_is_compared_whichever_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return one == other

    monkeypatch.setattr("penstock.stores.catalogue.hmac.compare_digest", compare)
    catalogue = Catalogue(keys=(key("a", "pk-a"), key("b", "pk-b")))
    assert catalogue.key_for("pk-a") == catalogue.keys[0]
    assert compared == [each.digest for each in catalogue.keys]


@given(st.text(st.characters()))
def test_any_text_may_be_presented(text: str) -> None:
    held = GatewayKey("a", bytes.fromhex(digest_of(text).removeprefix("sha256:")))
    assert Catalogue(keys=(held,)).key_for(text) is held


def test_the_digest_as_the_file_holds_it() -> None:
    assert digest_of("pk-a") == f"sha256:{hashlib.sha256(b'pk-a').hexdigest()}"


def test_nothing_printable_shows_a_credential() -> None:
    virtual_key = VirtualKey("vk", "bedrock", Secret("hunter2"), options={"aws_secret_access_key": "hunter2"})
    config = SavedConfig("prod", b'{"api_key": "hunter2"}')
    catalogue = Catalogue(MappingProxyType({"vk": virtual_key}), {"prod": config}, (key("team", "hunter2"),))
    shown = f"{catalogue} {catalogue!r} {config} {config!r} {virtual_key.credential!r} {catalogue.keys}"
    assert "hunter2" not in shown
    assert repr(catalogue) == "Catalogue(virtual_keys=['vk'], configs=['prod'], keys=['team'])"


@pytest.mark.parametrize("name", ["a", "7b", "openai-prod", "a.b_c-d"])
def test_names(name: str) -> None:
    assert NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", "-a", ".a", "a/b", "a b", "@a", "ä", "a\n"])
def test_what_is_no_name(name: str) -> None:
    assert not NAME.fullmatch(name)
