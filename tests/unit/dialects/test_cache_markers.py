"""A cache marker on blank text moves to the part before it."""

from penstock.core.chat import ChatRequest, Message, Part, ReasoningPart, TextPart
from penstock.dialects.cache_markers import with_visible_markers

MARKER = {"type": "ephemeral"}
BLANK = TextPart(" ", MARKER)


def moved(*messages: tuple[Part, ...]) -> list[tuple[Part, ...]]:
    request = ChatRequest("m", tuple(Message("user", parts) for parts in messages))
    return [message.parts for message in with_visible_markers(request).messages]


def test_to_the_part_before() -> None:
    assert moved((TextPart("a"), BLANK)) == [(TextPart("a", MARKER),)]
    assert moved((TextPart("a"),), (BLANK, TextPart("b"))) == [(TextPart("a", MARKER),), (TextPart("b"),)]


def test_a_marker_without_a_place_stays() -> None:
    assert moved((BLANK, TextPart("b"))) == [(BLANK, TextPart("b"))]
    assert moved((ReasoningPart("t"), BLANK)) == [(ReasoningPart("t"), BLANK)]


def test_a_request_without_such_markers_is_the_same() -> None:
    request = ChatRequest("m", (Message("user", (TextPart("a", MARKER), TextPart(" "))),))
    assert with_visible_markers(request) is request
