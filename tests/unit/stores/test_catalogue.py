"""Whose key it is, and that nothing printable shows what must stay secret."""

import hashlib
from types import MappingProxyType

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.secret import Secret
from penstock.stores.catalogue import (
    EMPTY,
    NAME,
    Catalogue,
    CatalogueChange,
    GatewayKey,
    SavedConfig,
    VirtualKey,
    compare,
    digest_of,
)


def key(name: str, text: str) -> GatewayKey:
    return GatewayKey(name, hashlib.sha256(text.encode()).digest())


def test_the_holder_of_a_key() -> None:
    catalogue = Catalogue(keys=(key("a", "pk-a"), key("b", "pk-b"), key("c", "pk-c")))
    assert [catalogue.key_for(f"pk-{name}") for name in "abc"] == [*catalogue.keys]
    assert catalogue.key_for("pk-d") is None
    assert catalogue.key_for("") is None
    assert EMPTY.key_for("pk-a") is None


def test_a_key_is_found_by_its_digest() -> None:
    catalogue = Catalogue(keys=(key("a", "pk-a"), key("b", "pk-b")))
    assert [catalogue.key_by_digest(each.digest) for each in catalogue.keys] == [*catalogue.keys]
    assert catalogue.key_by_digest(b"") is None
    assert catalogue.key_by_digest(hashlib.sha256(b"pk-c").digest()) is None


def test_a_catalogue_with_other_keys_knows_no_former_key() -> None:
    catalogue = Catalogue(keys=(key("a", "pk-a"), key("b", "pk-b")))
    assert msgspec.structs.replace(catalogue, keys=catalogue.keys[:1]).key_for("pk-b") is None


def test_what_changed_between_two_catalogues() -> None:
    old = Catalogue(
        {"same": VirtualKey("same", "echo"), "gone": VirtualKey("gone", "echo")},
        {"c": SavedConfig("c", b"{}"), "id-c": SavedConfig("c", b"{}")},
        (key("a", "pk-a"), key("b", "pk-b")),
    )
    new = Catalogue(
        {"same": VirtualKey("same", "echo"), "new": VirtualKey("new", "echo")},
        {"c": SavedConfig("c", b"{1}"), "id-c": SavedConfig("c", b"{1}")},
        (key("b", "pk-b"), key("a", "pk-other")),
    )
    assert compare(old, new) == CatalogueChange(frozenset({"gone", "new"}), frozenset({"c", "id-c"}), frozenset({"a"}))
    assert compare(old, old) == CatalogueChange()
    assert compare(EMPTY, new) != CatalogueChange()
    assert compare(old, msgspec.structs.replace(old, keys=old.keys[::-1])) == CatalogueChange()


@pytest.mark.parametrize("gone", ["first", "second"])
def test_a_secret_of_a_rotated_key_that_ends_is_a_change(gone: str) -> None:
    """Both secrets have the key's name."""
    secrets = {"first": key("app", "pk-1"), "second": key("app", "pk-2")}
    old = Catalogue(keys=tuple(secrets.values()))
    new = Catalogue(keys=tuple(each for name, each in secrets.items() if name != gone))
    assert compare(old, new).keys == {"app"}


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


# Workspaces.

A, B = "workspace-a", "workspace-b"
SHARED = VirtualKey("shared", "echo")
OF_A, OF_B = VirtualKey("a", "echo", workspace=A), VirtualKey("b", "echo", workspace=B)
CONFIG_OF_B = SavedConfig("pc-b", b"{}", B)
TENANTS = Catalogue(
    {each.name: each for each in (SHARED, OF_A, OF_B)},
    {"pc-b": CONFIG_OF_B},
    (msgspec.structs.replace(key("one", "pk-1"), workspace=A), key("two", "pk-2")),
    default_workspace=B,
)


def test_a_key_sees_the_names_of_its_workspace_and_those_of_all() -> None:
    view = TENANTS.seen_by(TENANTS.keys[0])
    assert (view.virtual_keys, view.configs) == ({"shared": SHARED, "a": OF_A}, {})
    assert view.keys_by_digest is TENANTS.keys_by_digest
    assert view.is_guarded
    assert view is TENANTS.seen_by(TENANTS.keys[0])


def test_a_key_without_a_workspace_is_of_the_default_one() -> None:
    view = TENANTS.seen_by(TENANTS.keys[1])
    assert (view.virtual_keys, view.configs) == ({"shared": SHARED, "b": OF_B}, {"pc-b": CONFIG_OF_B})
    assert TENANTS.seen_by(None) is view


def test_a_workspace_without_names_of_its_own_sees_those_of_all() -> None:
    view = TENANTS.seen_by(msgspec.structs.replace(TENANTS.keys[0], workspace="another"))
    assert (view.virtual_keys, view.configs) == ({"shared": SHARED}, {})


def test_where_no_name_belongs_to_a_workspace_all_see_the_same() -> None:
    catalogue = Catalogue({"shared": SHARED}, keys=TENANTS.keys)
    assert all(catalogue.seen_by(each) is catalogue for each in (*TENANTS.keys, None))


def test_keys_of_one_name_are_tenants_of_their_own() -> None:
    one, two = (msgspec.structs.replace(key("app", text), id=text) for text in ("1", "2"))
    assert (one.tenant, two.tenant, key("app", "3").tenant) == ("1", "2", "app")
