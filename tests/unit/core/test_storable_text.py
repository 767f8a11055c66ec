"""What databases can't hold of a text is replaced, and nothing else."""

from __future__ import annotations

import pytest

from penstock.core.storable_text import storable_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("größe \U0001f600", "größe \U0001f600"),
        ("a\x00b", "a?b"),
        ("a\ud83d", "a?"),
        ("\udc00\x00é", "??é"),
    ],
)
def test_what_can_be_held(text: str, expected: str) -> None:
    assert storable_text(text) == expected
