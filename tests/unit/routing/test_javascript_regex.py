"""JavaScript's regular expressions: what means something else here, what is none, what is too large, and its size."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.routing.javascript_regex import Pattern, TooLarge, read_pattern


def pattern(source: str) -> Pattern:
    found = read_pattern(source)
    assert found is not None
    assert found.compile()
    return found


SPACES = "\t\n\v\f\r \u00a0\u1680\u2000\u2005\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
"""White space as JavaScript has it."""


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("^gpt-4", "gpt-4o", True),
        ("a.c", "a\nc", False),
        ("a.c", "a\u2028c", False),
        ("a$", "a\n", False),
        ("[]", "a", False),
        ("[^]", "\n", True),
        ("[.]", "a", False),
        (r"\.", "a", False),
        (r"\d", "\u0663", False),
        ("^a{,3}$", "aaa", False),
        ("^a{,3}$", "a{,3}", True),
        ("^a{x$", "a{x", True),
        (r"^\p{L}$", "p{L}", True),
        (r"^\cA\x41\u0042\0\-\/$", "\x01AB\0-/", True),
        *[
            (rf"^{written}$", space, True)
            for space in SPACES
            for written in (r"\s", r"[\s]", r"[a\s]", r"[^\S]", r"[^\Sa]")
        ],
        *[(rf"^{written}$", space, False) for space in SPACES for written in (r"\S", r"[\S]", r"[^\s]")],
        (r"^\S[\S][^\s]$", "\u0085\u200b\U0001f600", True),
        (r"^\s$", "\u0085", False),
        (r"^\07[\07\12]\012$", "\x07\x0a\x0a", True),
        (r"^\08$", "\x008", True),
        (r"^\c\c1[\c]+$", "\\c\\c1c\\", True),
        (r"^[\c1]$", "\x11", True),
        (r"(?<word>\w+) \k<word>", "is is", True),
        # A number that no group has is a character, or stands for itself.
        (r"^\8\9\1\12\400$", "89\x01\x0a\x200", True),
        (r"^(a)\2\1$", "a\x02a", True),
        (r"^\81{2}$", "811", True),
        # A reference to a group that is later, or still open, is empty.
        (r"^\1(a)$", "a", True),
        (r"^\k<n>(?<n>a)$", "a", True),
        (r"^(a\1){2}$", "aa", True),
        (r"^(?<n>a\k<n>)\k<n>$", "aa", True),
        (r"^(?<größe>a)\k<größe>$", "aa", True),
        (r"^(?<$w$1>a)\k<$w$1>$", "aa", True),
        (r"^(?<$>a)\k<$>$", "ab", False),
        (r"(?<word>\w+) \k<word>", "is it", False),
        (r"^(a)\1$", "aa", True),
        (r"^(a)?b\1$", "b", True),
        (r"^(a)?b\1$", "aba", True),
        (r"^(a)?b\1$", "ab", False),
        (r"^(?<a>x)?(?:y\k<a>){2}$", "yy", True),
        ("^[[:alpha:]]$", "a]", True),
        (r"^[\B\cA]+$", "B\x01", True),
        ("^é+ß$", "ééß", True),
    ],
)
def test_a_pattern_means_what_it_means_in_javascript(source: str, text: str, found: bool) -> None:
    assert pattern(source).is_in(text, 1.0) is found


NOT_JAVASCRIPT = ["(?i)a", "a++", "a*+", "(?>a)", "(?P<x>a)", "(?#x)", "(?R)", "(?1)", "(?|a|b)", "(?&x)", "(?(1)a)",
                  "(?x) a", "(?<a>x)(?<a>y)", r"(?<a>x)\k", r"(?<a>x)\k<b>"]  # fmt: skip
"""What the library would understand, and JavaScript refuses."""


@pytest.mark.parametrize("source", ["(", ")", "(a", "a)", "[a", "*", "^*", "a|*", "(*a)", "a{2}{3}", "\\", "\\b+",
                                    "(?<=a)*", "(?", *NOT_JAVASCRIPT])  # fmt: skip
def test_what_is_no_pattern(source: str) -> None:
    assert read_pattern(source) is None


@pytest.mark.parametrize("source", ["x{2,1}", "[z-a]"])
def test_what_only_the_compiler_sees_is_no_pattern(source: str) -> None:
    found = read_pattern(source)
    assert found is not None
    assert not found.compile()


@pytest.mark.parametrize("source", ["a{1000000}", "(a{1000}){1000}", "a{0000000000400}b{0000000000400}", "(a{,}){999999}",
                                    "a{9" + "9" * 400 + "}", "a{" + "9" * 5000 + "}",
                                    "a{1," + "0" * 5000 + "2}"])  # fmt: skip
def test_a_pattern_whose_repeats_multiply_to_too_many(source: str) -> None:
    with pytest.raises(TooLarge):
        read_pattern(source)


@pytest.mark.parametrize(
    ("source", "size"),
    [("", 0), ("abc", 3), ("a{300}", 300), ("(?:ab){3}", 9), ("(?:[ab]{300}){300}", 300 * 301), ("a{1,50}b{2}", 3),
     ("a|b", 3), ("a{0}b+", 2), ("(?:a{2}|(b{3})){4}", 4 * (1 + 2 + 1 + 1 + 3))],
)  # fmt: skip
def test_what_the_compiler_writes_out_is_counted(source: str, size: int) -> None:
    found = read_pattern(source)
    assert found is not None
    assert found.size == size


def test_a_search_that_takes_too_long_finds_nothing() -> None:
    endless = pattern("^(a|aa)+$|^(a|a)*c")
    assert not endless.is_in("a" * 1500 + "b", 0.01)
    assert endless.is_in("aa", 1.0), "a slow search of one request changes nothing for another request"


@pytest.mark.parametrize("flags", ["", "i", "iu"])
@pytest.mark.parametrize("run", ["a" * 9000, "é" * 9000, r"\x61" * 2000, "(?:" + "a" * 9000 + ")"])
def test_a_long_run_of_letters_is_searched_within_the_time_limit(run: str, flags: str) -> None:
    """The library's tables for such a run would take minutes, whatever the time limit."""
    found = read_pattern(run, flags)
    assert found is not None
    assert found.compile()
    text = "é" * 9000 if run[0] == "é" else "a" * 9000
    began = process_time()
    assert found.compiled.search(f"-{text}-", timeout=60) is not None
    assert process_time() - began < 30


def test_a_pattern_must_be_compiled_before_it_is_searched_for() -> None:
    found = read_pattern("a")
    assert found is not None
    with pytest.raises(ValueError, match="not compiled"):
        found.is_in("a", 1.0)


@given(st.text("(a|)[^]*+?{1,2}$\\bdkpux<n>.-=!:&~", max_size=30), st.text("ab{}1,", max_size=10))
def test_any_text_is_a_pattern_of_a_bounded_size_or_none(source: str, text: str) -> None:
    try:
        found = read_pattern(source)
    except TooLarge:
        return
    if found is not None and found.size < 1000 and found.compile():
        assert found.is_in(text, 0.1) in {True, False}


@pytest.mark.parametrize(
    ("source", "needed"),
    [
        (r"\b\d{3}-\d{2}-\d{4}\b", "-"),
        ("secret: .+", "secret: "),
        ("a+bc?d", "a"),
        ("ab{0}c{00,2}d{1}", "a"),
        (r"\$x\.(y|zz)", "$x."),
        ("(abc)d", "d"),
        ("ab|cd", ""),
        ("(a|b)c", "c"),
        ("(?=abc)[a]", ""),
        (r"[abc]\x41\n.^$", ""),
    ],
)
def test_a_text_that_each_match_holds(source: str, needed: str) -> None:
    assert pattern(source).needed == needed


def test_a_letter_in_either_case_is_not_needed() -> None:
    found = read_pattern("ab-12 Kz", "i")
    assert found is not None
    assert found.needed == "-12 "


@given(st.text(r"ab|-(){0,1}*+?.[\]^$", max_size=12), st.text("ab-(", max_size=8), st.sampled_from(["", "i"]))
def test_what_a_pattern_needs_is_in_each_match(source: str, text: str, flags: str) -> None:
    try:
        found = read_pattern(source, flags)
    except TooLarge:
        return
    if found is None or not found.compile():
        return
    match = found.compiled.search(text, timeout=10)
    assert match is None or found.needed in match[0]
