"""Slugs."""

from penstock.control.slugs import slug_of


def test_a_slug_is_made_of_the_beginning_of_a_name() -> None:
    assert slug_of("pc", "My config", "3f09ab") == "pc-my-con-3f09ab"
    assert slug_of("pc", "Ünï/1", "3f09ab") == "pc--n--1-3f09ab"
    assert slug_of("pc", "a", "0") == "pc-a-0"
