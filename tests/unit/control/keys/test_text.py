"""The text of a key: long, recognisable, checked."""

import math

import pytest

from penstock.control.keys.text import is_key_text, masked, new_key_text

KINDS = ["organisation-service", "workspace-service", "workspace-user"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_has_its_prefix_and_at_least_160_random_bits(kind: str) -> None:
    keys = [new_key_text(kind) for _ in range(50)]
    assert len(set(keys)) == 50
    prefix = "penstock_admin_" if kind == "organisation-service" else "penstock_"
    body = keys[0].removeprefix(prefix)
    assert body.isalnum()
    assert (len(body) - 6) * math.log2(62) >= 160


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_was_cut_or_mistyped_is_seen(kind: str) -> None:
    key = new_key_text(kind)
    other = "b" if key[-10] == "a" else "a"
    assert is_key_text(key)
    assert not is_key_text(key[:-1])
    assert not is_key_text(f"{key[:-10]}{other}{key[-9:]}")
    assert not is_key_text("sk-something-else")


def test_a_masked_key_shows_too_little_to_be_used() -> None:
    key = new_key_text("workspace-service")
    assert masked(key) == f"{key[:11]}*****{key[-3:]}"
    assert masked("sk-imported-key-of-another-gateway") == "sk*****way"
