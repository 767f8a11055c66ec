"""Where matches may begin, and what is found there."""

from __future__ import annotations

from penstock.guards.detect.detector import ScannedText, local_part_starts, number_starts, word_starts
from penstock.guards.detect.personal import PERSONAL


def test_numbers_are_looked_at_where_digits_stand_together() -> None:
    assert list(number_starts(ScannedText("page 31, in 2024 of +4930 (555) 1"))) == [5, 12, 20, 21, 26, 27]
    assert list(number_starts(ScannedText("page 31"))) == []


def test_words_with_digits_begin_at_their_letters() -> None:
    assert list(word_starts(ScannedText("see AB123456, AB 123456"))) == [4, 14, 17]


def test_names_of_mail_addresses() -> None:
    assert list(local_part_starts(ScannedText("to a.b@c.de or @x, b@"))) == [3, 19]


def test_what_is_found_is_what_the_pattern_finds() -> None:
    text = "to a@b.de, then c.d@e.example"
    spans = PERSONAL["email"].found(ScannedText(text))
    assert [text[span.start : span.end] for span in spans] == ["a@b.de", "c.d@e.example"]
    assert PERSONAL["email"].decided(text, 0, last=True)[0] == spans
