import pytest

from penstock.core.segments import Segment, SegmentKind
from penstock.dialects.openai.caller.texts import TEXTS
from penstock.guards.base import Phase
from penstock.guards.guarded_body import GuardedBody
from penstock.guards.plan import Scope

SEGMENTS = (
    Segment(("s",), "system", "system", SegmentKind.SYSTEM, -1),
    Segment(("0",), "first", "user", message=0),
    Segment(("1",), "answer", "assistant", message=1),
    Segment(("2",), "result", "tool", SegmentKind.TOOL_RESULT, 2, is_plain=False),
    Segment(("3",), "last", "user", message=3),
    Segment(("4",), "more", "user", message=3),
)


def chat(raw: bytes) -> GuardedBody:
    return GuardedBody(raw, lambda value: TEXTS.request("chatComplete", value))


BODY = GuardedBody(b"{}", lambda _: SEGMENTS)


@pytest.mark.parametrize(
    ("scope", "texts"),
    [
        (Scope(), ["last", "more"]),
        (Scope("last_user"), ["last", "more"]),
        (Scope("user"), ["first", "last", "more"]),
        (Scope("new"), ["last", "more"]),
        (Scope("all"), ["system", "first", "answer", "result", "last", "more"]),
        (Scope("all", frozenset({SegmentKind.TEXT})), ["first", "answer", "last", "more"]),
        (Scope("new", frozenset({SegmentKind.TOOL_RESULT})), ["result"]),
    ],
)
def test_which_texts_a_check_sees(scope: Scope, texts: list[str]) -> None:
    assert [each.text for each in scope.chosen(BODY, Phase.BEFORE)] == texts


def test_choices_of_an_answer() -> None:
    body = GuardedBody(b"{}", lambda _: [Segment(("a",), "a"), Segment(("b",), "b", choice=1)])
    assert len(Scope().chosen(body, Phase.AFTER)) == 2
    assert len(Scope(first_choice=True).chosen(body, Phase.AFTER)) == 1


def test_a_last_message_without_texts_is_the_last_message() -> None:
    body = chat(b'{"messages":[{"role":"user","content":"a"},{"role":"user","content":[{"type":"image_url"}]}]}')
    assert Scope().chosen(body, Phase.BEFORE) == ()
    assert [each.text for each in Scope("user").chosen(body, Phase.BEFORE)] == ["a"]
    body = chat(b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":null}]}')
    assert Scope().chosen(body, Phase.BEFORE) == ()
