"""Names, amounts and values of what is imported."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.core.money import nanos_from_dollars
from penstock.core.secret import Secret
from penstock.importers.imported import VARIABLE, Host, Hosts, Imported, Names, dollars, variable_name


def test_slugs_are_told_apart() -> None:
    names = Names()
    given_names = ["GPT 4o", "gpt-4o", "gpt_4o", "gpt-4o-2", "gpt-4o", "***", "ü", "x" * 100]
    found = [names.unique(each) for each in given_names]
    assert found[:5] == ["gpt-4o", "gpt-4o-2", "gpt_4o", "gpt-4o-2-2", "gpt-4o-3"]
    assert found[5:] == ["imported", "imported-2", "x" * 60]


@given(st.text())
def test_a_variable_has_a_name_that_a_shell_takes(text: str) -> None:
    assert VARIABLE.fullmatch(variable_name(text))


def test_amounts_are_rounded_to_the_nanodollar_half_to_even() -> None:
    assert dollars(12) == 12
    assert dollars(0.1) == 0.1
    assert dollars(0.1234567895) == 0.12345679
    assert dollars(0.1234567885) == 0.123456788
    assert dollars(1e-10) == 0
    assert dollars(1e20) is None


@given(st.floats(0, 9e9))
def test_every_amount_is_one_that_penstock_counts(amount: float) -> None:
    found = dollars(amount)
    assert found is not None
    nanos_from_dollars(found)


def test_a_provider_is_found_by_any_of_its_names() -> None:
    hosts = Hosts({"google": Host("/x")}, {"gemini": "google", "lost": "nobody"})
    assert [hosts.slug(name) for name in ("google", "gemini", "lost", "else")] == ["google", "google", None, None]


def test_values_hold_names_of_variables_and_no_secret() -> None:
    imported = Imported(secrets={"IMPORTED_KEY": Secret("sk-secret")}, variables=["OTHER"])
    assert imported.values() == {"variables_to_set": ["IMPORTED_KEY", "OTHER"]}
    assert "sk-secret" not in repr(imported)
