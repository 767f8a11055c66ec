"""Letters that are one letter to a pattern with the flag i."""

import pytest

from penstock.routing.javascript_case import CASED, _canonical, in_other_cases


@pytest.mark.parametrize("is_unicode", [False, True])
def test_no_letter_beyond_those_places_has_another_case(is_unicode: bool) -> None:
    places = [range(first, last + 1) for first, last in CASED]
    assert not [
        point
        for point in range(0x110000)
        if _canonical(point, is_unicode=is_unicode) != point and not any(point in place for place in places)
    ]


@pytest.mark.parametrize(
    ("letter", "without", "with_u"),
    [("s", "S", "Sſ"), ("ſ", "", "Ss"), ("k", "K", "K\u212a"), ("\u212a", "", "Kk"), ("i", "I", "I"), ("ı", "", ""),
     ("İ", "", ""), ("ß", "", "ẞ"), ("å", "Å", "Å\u212b"), ("σ", "Σς", "Σς"), ("1", "", ""),
     ("\U00010400", "", "\U00010428")],
)  # fmt: skip
def test_letters_that_are_one(letter: str, without: str, with_u: str) -> None:
    for is_unicode, others in ((False, without), (True, with_u)):
        found, _ = in_other_cases([(ord(letter), ord(letter))], is_unicode=is_unicode)
        assert sorted(chr(point) for first, last in found for point in range(first, last + 1)) == sorted(others)


def test_ranges_that_touch_are_one() -> None:
    points = [(ord(first), ord(last)) for first, last in ("cd", "bc", "AD")]
    assert in_other_cases(points[:2], is_unicode=False) == ([(ord("B"), ord("D"))], 4)
    assert in_other_cases([(ord("A"), ord("z"))], is_unicode=False) == ([], 53)
    assert in_other_cases(points, is_unicode=False)[0] == [(ord("B"), ord("D")), (ord("a"), ord("d"))]
