"""A name is told when it is whole, as clients that put its pieces together read it, and those that do not."""

from __future__ import annotations

from penstock.core.segments import ALL_SLOTS, Delta, SegmentKind, TextKey
from penstock.dialects.texts import NamePiece
from penstock.guards.streamed_names import StreamedNames

CALL: TextKey = (SegmentKind.TOOL_CALL, 0, 0)
OTHER: TextKey = (SegmentKind.TOOL_CALL, 0, 1)
CHOICE: TextKey = (SegmentKind.TOOL_CALL, 1, 0)


def piece(text: str, key: TextKey = CALL, call: str = "") -> NamePiece:
    return NamePiece(key, (), text, call)


def text(key: TextKey, text: str = "{") -> Delta:
    return Delta(key, (), text)


def test_a_name_is_whole_when_its_choice_goes_on() -> None:
    names = StreamedNames()
    assert names.add([piece("get_", call="a")], [text(CALL, "")], None) == []
    assert names.add([piece("time")], [], None) == []
    assert (names.is_open, names.unfinished) == (True, ["get_time"])
    assert names.add([], [text(CHOICE)], None) == []
    assert names.add([], [text(CALL)], None) == ["get_time"]
    assert (names.is_open, names.unfinished) == (False, [])


def test_a_name_with_its_arguments_is_whole() -> None:
    assert StreamedNames().add([piece("f")], [text(CALL)], None) == ["f"]


def test_a_name_is_whole_when_another_begins_or_its_choice_ends() -> None:
    names = StreamedNames()
    assert names.add([piece("f"), piece("h", CHOICE)], [], None) == []
    assert names.add([piece("g", OTHER)], [], None) == ["f"]
    assert names.add([], [], 0) == ["g"]
    assert names.add([], [], ALL_SLOTS) == ["h"]


def test_a_piece_behind_the_arguments_is_put_to_the_name() -> None:
    names = StreamedNames()
    assert names.add([piece("f", call="a")], [text(CALL)], None) == ["f"]
    assert names.add([piece("g")], [text(CALL)], None) == ["fg"]


def test_names_that_are_repeated_or_of_another_call() -> None:
    names = StreamedNames()
    assert names.add([piece("f", call="a")], [], None) == []
    assert names.add([piece("f", call="a")], [text(CALL)], None) == ["ff", "f"]
    names = StreamedNames()
    assert names.add([piece("f", call="a")], [], None) == []
    assert names.add([piece("g", call="b")], [text(CALL)], None) == ["f", "fg", "g"]


def test_names_of_several_pieces_under_one_index() -> None:
    names = StreamedNames()
    assert names.add([piece("get", call="a")], [text(CALL)], None) == ["get"]
    assert names.add([piece("de", call="b")], [], None) == []
    assert names.add([piece("lete", call="b")], [text(CALL)], None) == ["getdelete", "delete"]
    assert names.add([piece("x", call="c")], [], None) == []
    assert names.add([piece("x", call="c")], [text(CALL)], None) == ["getdeletexx", "xx", "x"]


def test_a_name_that_is_repeated_for_ever_is_told_with_its_end() -> None:
    names = StreamedNames()
    wholes = [names.add([piece("get_time", call="a")], [text(CALL)], None) for _ in range(3000)]
    assert wholes[2] == ["get_time" * 3]
    assert sum(len(name) for each in wholes for name in each) < 3000 * 1100
    assert wholes[-1][0].endswith("get_time" * 100)
    names = StreamedNames()
    for number in range(300):
        assert len(names.add([piece("f", call=f"c{number}")], [text(CALL)], None)) <= 2
