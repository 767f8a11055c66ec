"""Events that wait whole, until all that they add to texts may go on."""

from penstock.core.segments import SegmentKind, TextKey
from penstock.guards.whole_events import WholeEvents

TEXT: TextKey = (SegmentKind.TEXT, 0, 0)
OTHER: TextKey = (SegmentKind.TEXT, 1, 0)
PLACE = ("text",)


def test_an_event_waits_for_its_texts_and_what_follows_for_it() -> None:
    whole = WholeEvents()
    assert whole.add(b"1", [whole.piece(TEXT, PLACE, "one", "on")]) == b""
    assert whole.add(b"2", [whole.piece(OTHER, PLACE, "two", "two")]) == b""
    assert (whole.add(b"3", ()), whole.size, whole.unfinished) == (b"", 3, [TEXT])
    whole.let(TEXT, "e")
    assert (whole.ready(), whole.size, whole.unfinished) == (b"123", 0, [])


def test_halves_of_a_pair_are_two_units() -> None:
    whole = WholeEvents()
    assert whole.add(b"1", [whole.piece(TEXT, PLACE, "a\ud83d", "a")]) == b""
    assert whole.add(b"2", [whole.piece(TEXT, PLACE, "\ude00", "\U0001f600")]) == b"12"


def test_what_is_given_up_goes_on_as_far_as_its_texts_may() -> None:
    whole = WholeEvents()
    whole.add(b"1", [whole.piece(TEXT, PLACE, "\U0001f600bc", "\U0001f600b")])
    whole.add(b"2", [whole.piece(TEXT, PLACE, "de", "")])
    whole.add(b"3", [whole.piece(OTHER, PLACE, "all", "all")])
    whole.add(b"4", ())
    assert whole.given_up() == [(b"1", {PLACE: "\U0001f600b"}), (b"3", {}), (b"4", {})]
    assert (whole.given_up(), whole.size) == ([], 0)


def test_arguments_of_a_tool_call_are_no_part_of_it() -> None:
    assert WholeEvents.takes(TEXT)
    assert not WholeEvents.takes((SegmentKind.TOOL_CALL, 0, 0))
