"""The check for lists of words."""

from __future__ import annotations

import pytest

from judging import judged, refused


@pytest.mark.parametrize(
    ("parameters", "text", "verdict"),
    [
        ({}, "a BAD word", False),
        ({}, "badly", True),
        ({"wholeWord": False}, "badly", False),
        ({"caseSensitive": True}, "BAD", True),
        ({"normalise": True}, "b\u200bad", False),
        ({"redact": True}, "bad", True),
    ],
)
def test_words(parameters: dict[str, object], text: str, verdict: bool) -> None:
    judgement = judged("penstock.words", {"words": ["bad", "worse"], **parameters}, text)
    assert judgement.verdict is verdict
    assert text not in str(judgement.data)


def test_long_lists() -> None:
    words = [f"word{number}" for number in range(9000)]
    assert not judged("penstock.words", {"words": words}, "so word8999 it is").verdict


def test_what_is_refused() -> None:
    assert refused("penstock.words", {}) == "p.words"
    assert refused("penstock.words", {"words": []}) == "p.words"
    assert refused("penstock.words", {"words": ["x" * 201]}) == "p.words"
