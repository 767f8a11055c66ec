"""Words of a list: whole or parts, in any case, and in letters that look alike."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.guards.detect.detector import ScannedText
from penstock.guards.detect.words import WordList


@pytest.mark.parametrize(
    ("options", "text", "expected"),
    [
        ({}, "Bad, badly BAD", ["Bad", "BAD"]),
        ({"whole": False}, "badly", ["bad"]),
        ({"matches_case": True}, "Bad bad", ["bad"]),
        ({"normalises": True}, "b\u200ba\u0501 ｂａｄ bäd", ["b\u200ba\u0501", "ｂａｄ", "bäd"]),
        ({}, "a bad word here", ["bad word"]),
    ],
)
def test_what_is_found(options: dict[str, Any], text: str, expected: list[str]) -> None:
    words = WordList(("bad", "bad word"), **options)
    assert [text[span.start : span.end] for span in words.found(ScannedText(text))] == expected


def test_what_waits() -> None:
    words = WordList(("bad", "bad word"), whole=False)
    assert words.decided("so ba", 0, last=False) == ([], 3)
    assert words.idle_until("so ba", 0) == 3
    assert words.idle_until("so bad", 0) == -1
