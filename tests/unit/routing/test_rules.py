"""Names of providers."""

from __future__ import annotations

from penstock.core.address import AddressPolicy
from penstock.routing.rules import Rules


def test_an_alias_means_its_slug() -> None:
    rules = Rules(("google",), AddressPolicy(), aliases={"gemini": "google"})
    assert [rules.slug(name) for name in ("gemini", "google", "other")] == ["google", "google", "other"]
