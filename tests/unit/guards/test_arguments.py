"""The strings of a tool call's arguments, whole and in pieces: whatever is changed in them, JSON stays."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.json_text import with_needed_escapes
from penstock.core.segments import Segment, SegmentKind
from penstock.guards import arguments
from penstock.guards.arguments import ArgumentsText, CallText, Fed, UnescapedText, is_arguments, part_edits
from penstock.guards.edits import replaced
from trials import WITH_TIME, trials


class Upper(Fed):
    """Takes a text, and gives it back in capitals at its end; a text with ``!`` is denied."""

    def __init__(self) -> None:
        self._text = ""

    def feed(self, text: str, *, last: bool = False) -> tuple[str, bool]:
        self._text += text
        return (self._text.replace("a", "AB") if last else "", last and "!" in self._text)


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


class Behind(Fed):
    """Takes a text, and gives back all but its last two characters until it ends."""

    def __init__(self) -> None:
        self._text = ""

    def feed(self, text: str, *, last: bool = False) -> tuple[str, bool]:
        whole = self._text + text
        end = len(whole) if last else max(0, len(whole) - 2)
        self._text = whole[end:]
        return whole[:end], False


@trials(400)
@given(
    st.dictionaries(st.text("xy", max_size=2), VALUES, max_size=3),
    st.lists(st.integers(0, 80), max_size=8),
    st.sampled_from([lambda: ArgumentsText(Behind), lambda: UnescapedText(Behind())]),
)
def test_what_nobody_changes_is_spelled_as_it_came(
    value: dict[str, Any], cuts: list[int], made: Callable[[], ArgumentsText | UnescapedText]
) -> None:
    text = json.dumps(value).replace("a", r"\u0061").replace("/", r"\/") + " "
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    arguments = made()
    parts = [arguments.feed(text[a:b])[0] for a, b in itertools.pairwise(places)]
    assert "".join(parts) + arguments.feed("", last=True)[0] == text


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
    for pattern in (r"\d", "n", "u", "a.*", r"(?s)a.*b", r"(?s).+", r'["{}:,\[\]]', r"\s", "x*", r"\\"):

        def change(part: str, pattern: str = pattern) -> list[tuple[int, int, str]]:
            return [(*match.span(), '"*\\') for match in re.finditer(pattern, part)]

        edits = list(part_edits(segment, change))
        changed = json.loads(replaced(text, edits, escapes=True))
        assert type(changed) is type(value)


class Keeps:
    """Takes a text, and gives it back at its end."""

    def __init__(self) -> None:
        self.text = ""

    def feed(self, text: str, *, last: bool = False) -> tuple[str, bool]:
        self.text += text
        return (self.text if last else "", last and "!" in self.text)

    def idles(self, text: str) -> bool:
        raise NotImplementedError(text)

    def idles_in_json(self, texts: bytes, between: bytes) -> int:
        raise NotImplementedError(texts, between)


@trials(400)
@given(
    st.dictionaries(st.text('xy"', max_size=2), VALUES, max_size=3),
    st.lists(st.integers(0, 80), max_size=8),
    st.booleans(),
)
def test_any_chunking_of_a_call_that_is_judged_as_a_text(
    value: dict[str, Any], cuts: list[int], is_ascii: bool
) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii)
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    keeps = Keeps()
    fed = UnescapedText(keeps)
    for start, end in itertools.pairwise(places):
        fed.feed(text[start:end])
    assert (fed.feed("", last=True), keeps.text) == ((text, False), with_needed_escapes(text))


@pytest.mark.parametrize(
    ("text", "judged"),
    [(r'{"\u0062ad": "\/"}', '{"bad": "/"}'), (r'["\ud83d\ude00\ud83d"]', '["\U0001f600\\ud83d"]'), (r'"\u0062"', r'"\u0062"'),
     (r"code \u0062", r"code \u0062"), ('{"a\\', '{"a\\'), (r'{"a\u00', r'{"a\u00'), (r'{"\\u0062"}', r'{"\\u0062"}')],
)  # fmt: skip
def test_what_is_judged_as_a_text_has_no_needless_escapes(text: str, judged: str) -> None:
    for size in (1, 2, 5, len(text)):
        keeps = Keeps()
        fed = UnescapedText(keeps)
        for at in range(0, len(text), size):
            fed.feed(text[at : at + size])
        assert (fed.feed("", last=True)[0], keeps.text) == (text, judged)


def test_stages_take_what_the_one_before_lets_go_on() -> None:
    fed = CallText([UnescapedText(Keeps()), ArgumentsText(Upper)])
    assert fed.feed(r'{"x": "\u0061') == ("", False)
    assert fed.feed('"}', last=True) == ('{"x": "AB"}', False)
    assert CallText([Keeps(), ArgumentsText(Upper)]).feed('{"x": "a!', last=True) == ('{"x": "AB!', True)
    assert not fed.idles("")
    assert fed.idles_in_json(b"", b"") == UnescapedText(Keeps()).idles_in_json(b"", b"") == -1
    assert not UnescapedText(Keeps()).idles("")


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
