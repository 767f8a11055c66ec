"""The strings of a tool call's arguments, whole and in pieces: whatever is changed in them, JSON stays."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.segments import Segment, SegmentKind
from penstock.guards import arguments
from penstock.guards.arguments import ArgumentsText, JoinedParts, is_arguments, part_edits
from penstock.guards.base import Edit
from penstock.guards.edits import replaced
from trials import WITH_TIME, trials


class Upper:
    """Takes a text, and gives it back in capitals at its end; a text with ``!`` is denied."""

    def __init__(self) -> None:
        self._text = ""

    def feed(self, text: str, *, last: bool = False) -> tuple[str, bool]:
        self._text += text
        return (self._text.replace("a", "AB") if last else "", last and "!" in self._text)

    def idles(self, text: str) -> bool:
        del text
        return False

    def idles_in_json(self, texts: bytes, between: bytes) -> int:
        del texts, between
        return -1


pytestmark = WITH_TIME

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.text('a"\\\n\u00e9\U0001f600b', max_size=6), st.integers(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text("ab", max_size=3), inner, max_size=3)),
)


def mapped(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("a", "AB")
    if isinstance(value, list):
        return [mapped(each) for each in value]
    return {mapped(name): mapped(each) for name, each in value.items()} if isinstance(value, dict) else value


@trials(400)
@given(
    st.dictionaries(st.text("xy", max_size=2), VALUES, max_size=3),
    st.lists(st.integers(0, 80), max_size=8),
    st.booleans(),
)
def test_any_chunking_of_arguments(value: dict[str, Any], cuts: list[int], is_ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii)
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    arguments = ArgumentsText(Upper)
    parts = [arguments.feed(text[a:b])[0] for a, b in itertools.pairwise(places)]
    assert json.loads("".join(parts) + arguments.feed("", last=True)[0]) == mapped(value)

    def change(part: str) -> list[tuple[int, int, str]]:
        return [(at, at + 1, "AB") for at, letter in enumerate(part) if letter == "a"]

    edits = list(part_edits(Segment((), text, kind=SegmentKind.TOOL_CALL), change))
    assert json.loads(replaced(text, edits, escapes=True)) == mapped(value)


def test_a_denial_in_a_string() -> None:
    assert ArgumentsText(Upper).feed('{"x": "a!", "y": 1}') == ('{"AB!'.replace("AB!", 'x": "AB!'), True)


def test_what_is_no_json_is_one_text() -> None:
    arguments = ArgumentsText(Upper)
    assert arguments.feed(" a") == ("", False)
    assert arguments.feed("", last=True) == (" AB", False)
    assert not is_arguments(Segment((), "[note] to a", kind=SegmentKind.TOOL_CALL))
    assert not is_arguments(Segment((), "{}"))


@pytest.mark.parametrize(
    "text", ["{a: 1}", "{'x': 'a'}", '{"x": 1} a', "{xa", '[1, "b", a]', '"b" a', "[no] a", "{1.5.a", "{truea", "-a"]
)
def test_what_only_begins_like_json_is_judged_from_where_that_shows(text: str) -> None:
    assert not is_arguments(Segment((), text, kind=SegmentKind.TOOL_CALL))
    for size in (1, 2, len(text)):
        arguments = ArgumentsText(Upper)
        parts = [arguments.feed(text[at : at + size])[0] for at in range(0, len(text), size)]
        assert "".join(parts) + arguments.feed("", last=True)[0] == text.replace("a", "AB")
    denied = ArgumentsText(Upper)
    denied.feed(text + "!")
    assert denied.feed("", last=True)[1]


@pytest.mark.parametrize("text", [r'["\u0061"]', r'"\u0061"', r' [1e3, true, "\u0061", null]'])
def test_lists_and_strings_of_json_hide_nothing_in_escapes(text: str) -> None:
    assert is_arguments(Segment((), text, kind=SegmentKind.TOOL_CALL))
    for size in (1, 3, len(text)):
        arguments = ArgumentsText(Upper)
        parts = [arguments.feed(text[at : at + size])[0] for at in range(0, len(text), size)]
        assert "".join(parts) + arguments.feed("", last=True)[0] == text.replace(r"\u0061", "AB")


@given(
    st.one_of(st.dictionaries(st.text("ab", max_size=3), VALUES, max_size=3), st.lists(VALUES, max_size=3)),
    st.booleans(),
)
@trials(200)
def test_no_pattern_leaves_what_is_no_json(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    segment = Segment(("a",), text, kind=SegmentKind.TOOL_CALL)
    parts = JoinedParts(segment)
    for pattern in (r"\d", "n", "u", "a.*", r"(?s)a.*b", r"(?s).+", r'["{}:,\[\]]', r"\s", "x*", r"\\"):
        places = [parts.place(*match.span()) for match in re.finditer(pattern, parts.text)]
        edits = [Edit(("a",), *place, '"*\\') for place in places if place is not None]
        changed = json.loads(replaced(text, edits, escapes=True))
        assert type(changed) is type(value)


def test_what_matches_across_strings_is_changed_in_the_first_of_them() -> None:
    text = '{"a": "so secret", "n": 1234, "b": "c"}'
    parts = JoinedParts(Segment(("a",), text, kind=SegmentKind.TOOL_CALL))
    at = parts.text.index("secret")
    place = parts.place(at, len(parts.text))
    assert place is not None
    assert text[slice(*place)] == "secret"
    assert "1234" not in parts.text
    (begin, end) = parts.place(at - 4, at) or (0, 0)
    assert text[begin:end] == "so "
    plain = JoinedParts(Segment(("a",), "no {json", kind=SegmentKind.TOOL_CALL))
    assert (plain.text, plain.place(3, 8)) == ("no {json", (3, 8))
    assert JoinedParts(Segment(("a",), "{}", kind=SegmentKind.TOOL_CALL)).place(0, 0) is None


class CountingPattern:
    """A pattern that counts the characters which it may look at."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern
        self.characters = 0

    def fullmatch(self, text: str, begins: int) -> re.Match[str] | None:
        self.characters += len(text) - begins
        return self._pattern.fullmatch(text, begins)


def test_a_number_in_many_pieces_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = CountingPattern(arguments._BEGUN)
    monkeypatch.setattr(arguments, "_BEGUN", counting)
    fed = ArgumentsText(Upper)
    pieces = ['{"n":', *["123", ""] * 2000, ',"a":"a"}']
    passed = "".join([fed.feed(each)[0] for each in pieces]) + fed.feed("", last=True)[0]
    assert passed == "".join(pieces).replace(':"a"', ':"AB"').replace('"a":', '"AB":')
    assert counting.characters < 20_000
