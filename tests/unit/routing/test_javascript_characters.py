"""Characters, escapes and classes of JavaScript's patterns, with the flags that change what they mean."""

from __future__ import annotations

import pytest

from penstock.routing.javascript_characters import Characters, joined_halves
from penstock.routing.javascript_regex import read_pattern


def matches(source: str, flags: str, text: str) -> list[str] | None:
    """What a pattern finds in a text; None for a pattern that is none."""
    pattern = read_pattern(source, flags)
    if pattern is None or not pattern.compile():
        return None
    return [match[0] for match in pattern.compiled.finditer(text, timeout=60)]


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        (r"\p{L}+", "aé1Ω", ["aé", "Ω"]),
        (r"\P{L}", "aé1", ["1"]),
        (r"[\p{Lu}\d]+", "aÉ1b", ["É1"]),
        (r"[^\p{L}]", "é1", ["1"]),
        (r"\p{Script=Greek}", "aΩ", ["Ω"]),
        (r"\p{sc=Cyrillic}|\p{scx=Grek}", "Ωяa", ["Ω", "я"]),
        (r"\p{gc=Nd}|\p{General_Category=Uppercase_Letter}", "a1B", ["1", "B"]),
        (r"\p{Emoji_Presentation}", "a\U0001f600", ["\U0001f600"]),
        (r"\u{1F600}|\u{61}", "a\U0001f600u", ["a", "\U0001f600"]),
        (r"[\u{1F600}-\u{1F64F}]", "\U0001f601x", ["\U0001f601"]),
        (r"[\ud83d\ude00-\ud83d\ude02]\ud83d\ude03", "\U0001f601\U0001f603", ["\U0001f601\U0001f603"]),
        # What means ASCII does so beside a property, too.
        (r"\p{L}\d\w\b\s", "é\u0663a a1é 22é1_ .", ["é1_ "]),
        (r"\b\p{L}", "éa", ["a"]),
        (r"[\w.]+\p{L}", "éa.é", ["a.é"]),
        (r"[\W\D]\p{L}", "1éaé", ["éa"]),
        (r"\x41\u0042\cA\0\/\-?".replace(r"\-?", ""), "AB\x01\0/", ["AB\x01\0/"]),
        (r"[\-\]\s\S]", "a", ["a"]),
    ],
)
def test_with_the_flag_u(source: str, text: str, found: list[str]) -> None:
    assert matches(source, "u", text) == found


@pytest.mark.parametrize(
    "source",
    [r"\-", r"\q", r"\c", r"\p", r"\pL", r"\p{Foo}", r"\p{latin}", r"\p{IsGreek}", r"\p{gc=Foo}", r"\p{Script=Foo}",
     r"\p{Foo=L}", "]", "{", "a}", r"[\d-x]", r"[a-\s]", r"[\q]", r"[\B]", r"[\07]", r"\07", r"\8", r"\u{110000}",
     r"[\u{110000}]", r"\k<n>", "(?=a)*", "[b-a]", r"[\p{Foo}]"],
)  # fmt: skip
def test_what_the_flag_u_forbids(source: str) -> None:
    assert matches(source, "u", "") is None


def test_without_the_flag_u_such_escapes_are_letters() -> None:
    assert matches(r"\p{L}\u{2}", "", "p{L}uu") == ["p{L}uu"]


@pytest.mark.parametrize("flags", ["i", "iu"])
@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("müller", "MÜLLER Müller", ["MÜLLER", "Müller"]),
        ("[à-ö]", "Äa", ["Ä"]),
        ("[^ü]", "Üa", ["a"]),
        (r"\u00fc", "Ü", ["Ü"]),
        ("ПРИВЕТ", "привет", ["привет"]),
        (r"(.)\1", "üÜ", ["üÜ"]),
        (r"(?<n>ü)\k<n>", "Üü", ["Üü"]),
        # Letters of ASCII are no others, though the library would say so.
        ("ü|i", "İıIÜ", ["I", "Ü"]),
        (r"ü|\w", "éĸ1Ü", ["1", "Ü"]),
        (r"\bü|\b[a-c]", "éaÜ cÜÜ", ["a", "Ü", "c", "Ü"]),
        (r"\d|ü", "\u06632Ü", ["2", "Ü"]),
        (r"ü|\W", "éa", ["é"]),
        (r"ü|[^\d\w]", "éa1", ["é"]),
        ("[g-j]ü", "IÜıüİÜiü", ["IÜ", "iü"]),
        (r"ü|\u0130", "İiIıÜ", ["İ", "Ü"]),
        ("[^a-z]ü", "aÜIüıÜ", ["ıÜ"]),
        ("[%ü]|%", "%Ü", ["%", "Ü"]),
    ],
)
def test_without_regard_to_case(source: str, flags: str, text: str, found: list[str]) -> None:
    assert matches(source, flags, text) == found


@pytest.mark.parametrize(("flags", "found"), [("i", ["s", "K", "Ü"]), ("iu", ["s", "ſ", "K", "\u212a", "Ü"])])
@pytest.mark.parametrize(
    "source", ["s|k|ü", "[skü]", "[j-lr-tü]", r"\w|ü", r"[\wü]", r"[^\Wü]|ü", r"\u0073|\u006b|\u00fc"]
)
def test_two_letters_that_are_one_with_letters_of_ascii_only_with_the_flag_u(
    source: str, flags: str, found: list[str]
) -> None:
    assert matches(source, flags, "sſK\u212aÜ") == found


@pytest.mark.parametrize(
    ("source", "text", "one"),
    [("å", "\u212b", "u"), ("ω", "\u2126", "u"), ("ß", "ẞ", "u"), ("[à-å]", "\u212b", "u"), ("\u1c80", "в", "iu"),
     ("σ", "ς", "iu"), ("μ", "µ", "iu"), ("ǆ", "ǅ", "iu"), ("\U00010400", "\U00010428", "u"), ("ı", "I", "")],
)  # fmt: skip
def test_letters_that_are_one_by_upper_case_and_by_folding(source: str, text: str, one: str) -> None:
    """``one``: with which flags beside ``i``; ``i`` for none of them."""
    assert [flags for flags in ("i", "iu") if matches(source, flags, text)] == [
        flags for flags in ("i", "iu") if ("u" if flags == "iu" else "i") in one
    ]


@pytest.mark.parametrize(
    ("source", "found"), [(r"\bs\b", []), (r"\b\S+\b", ["asſb", "sſ"]), (r"\B\w", ["s", "ſ", "b", "ſ"])]
)
def test_the_long_s_is_a_letter_of_a_word_with_both_flags(source: str, found: list[str]) -> None:
    assert matches(source, "iu", "asſb sſ") == found


def test_classes_that_would_take_long_count_as_written() -> None:
    """Each of some thousand letters in a class is looked up."""
    wide = "".join([f"[{chr(0xB0 + at)}-\uffff]" for at in range(200)])
    pattern = read_pattern(wide, "i")
    assert pattern is not None
    assert 150_000 < pattern.written < 300_000


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        (r"[\s-a]+", "b a-\tb", [" a-\t"]),
        (r"[\d\s-.()]+", "+1 (2)-3.", ["1 (2)-3."]),
        (r"[+-\w]+", "+a-,", ["+a-"]),
        (r"[\d-x-z]+", "1-xyz", ["1-x", "z"]),
        (r"[a\-c]+", "a-bc", ["a-", "c"]),
        ("[a-]+|[-b]", "a-b", ["a-", "b"]),
        ("[a^&~|[]+", "[^&~|a]", ["[^&~|a"]),
    ],
)
def test_classes(source: str, text: str, found: list[str]) -> None:
    """A hyphen beside a set is no range."""
    assert matches(source, "", text) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (r"\ud83d\ude00", ["\U0001f600"]),
        (r"\ud83d[\ude00-\ude4f]+", ["\U0001f600\U0001f601"]),
        (r"[\ud800-\udbff][\udc00-\udfff]", ["\U0001f600", "\U0001f601", "\U0001f9e0"]),
        (r"(?:[\u2700-\u27bf]|[\ud83c\ud83e][\udc00-\udfff])", ["\U0001f9e0", "\u2714"]),
        (r"[\ud83d-\ud83e][\ude00\udde0]", ["\U0001f600", "\U0001f9e0"]),
    ],
)
def test_characters_that_are_written_in_halves(source: str, found: list[str]) -> None:
    """In JavaScript a text is one of halves, in which such patterns find emoji."""
    assert matches(source, "", "a\U0001f600\U0001f601 \U0001f9e0\u2714") == found


@pytest.mark.parametrize(
    ("first", "second"),
    [("a", r"[\udc00-\udfff]"), (r"\ud83d", "[a]"), (r"\ud83d", r"[^\udc00]"), (r"\udc00", r"\ud83d"),
     (r"[\ud800-\udbff]", r"[\udc00-\udc10]"), (r"\ud83d", r"\udc00+")],
)  # fmt: skip
def test_what_is_no_character_in_halves(first: str, second: str) -> None:
    assert joined_halves(first, second) == ""


@pytest.mark.parametrize(
    ("source", "flags", "is_wide"),
    [("a[b]", "i", False), ("ü", "", False), ("ü", "i", True), ("a", "iu", True), (r"\p{L}", "u", True),
     (r"\p{L}", "", False), ("a", "u", False)],
)  # fmt: skip
def test_only_what_needs_it_is_compared_with_all_letters(source: str, flags: str, is_wide: bool) -> None:
    assert Characters(source, flags).is_wide is is_wide


def test_a_sticky_pattern_matches_from_the_beginning_on() -> None:
    assert matches("a", "y", "aaba") == ["a", "a"]
    assert matches("b|c", "y", "ab") == []


def test_no_flag_comes_twice() -> None:
    assert read_pattern("a", "gg") is None
