"""The nearest of the known words, and the end of a message that names it."""

from __future__ import annotations

import pytest

from penstock.core.did_you_mean import hint, nearest

PROVIDERS = {"openai": 1, "azure-openai": 2, "echo": 3}


@pytest.mark.parametrize(
    ("word", "cutoff", "expected"),
    [
        ("opnai", 0.6, "openai"),
        ("ehco", 0.6, "echo"),
        ("zzz", 0.6, None),
        ("zzz", 0.0, "openai"),
        ("opnai", 0.95, None),
        ("ehco", 0.95, "echo"),
        ("ecoh", 0.95, "echo"),
        ("", 0.6, None),
    ],
)
def test_the_nearest_word(word: str, cutoff: float, expected: str | None) -> None:
    found = nearest(word, PROVIDERS, cutoff)
    assert (found in PROVIDERS) if cutoff == 0.0 else (found == expected)


def test_of_no_words_none_is_near() -> None:
    assert nearest("openai", ()) is None


def test_the_words_may_come_from_an_iterator() -> None:
    assert nearest("opnai", iter(PROVIDERS)) == "openai"


def test_hints() -> None:
    assert hint("opnai", PROVIDERS, "see the list.") == "did you mean openai?"
    assert hint("opnai", PROVIDERS, "see the list.", quote="'") == "did you mean 'openai'?"
    assert hint("opnai", PROVIDERS, "see the list.", 0.95) == "see the list."


def test_only_the_beginning_of_a_word_is_compared_and_only_with_so_many_words() -> None:
    assert nearest("openai" + "x" * 1_000_000, PROVIDERS, 0.0) in PROVIDERS
    assert nearest("w999", [f"v{index}" for index in range(600)] + ["w999"], 0.9) is None
