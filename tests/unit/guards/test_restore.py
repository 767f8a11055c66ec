"""What was masked in a request comes back where its placeholder stands whole."""

from __future__ import annotations

import json

from penstock.core.segments import Segment, SegmentKind
from penstock.guards.guarded_body import GuardedBody
from penstock.guards.held_text import RuledText
from penstock.guards.restore import Restoring, restoring_of


def test_texts_and_arguments() -> None:
    body = json.dumps({"a": "to [EMAIL_1]", "b": '{"to": "[EMAIL_1]"}'}).encode()
    segments = (
        Segment(("a",), "to [EMAIL_1]"),
        Segment(("b",), '{"to": "[EMAIL_1]"}', kind=SegmentKind.TOOL_CALL),
    )
    restored = json.loads(Restoring({"[EMAIL_1]": 'x"y'}).answer(GuardedBody(body, lambda _: segments)))
    assert restored["a"] == 'to x"y'
    assert json.loads(restored["b"]) == {"to": 'x"y'}


def test_only_a_whole_placeholder_is_one() -> None:
    ruled = RuledText([Restoring({"[EMAIL_1]": "x"}).rule()])
    passed = [ruled.feed(part)[0] for part in ("[EMA", "IL_1] [EMAIL_12", "] [email_1]")]
    assert passed == ["", "x [EMAIL_12", "] [email_1]"]


def test_nothing_to_restore() -> None:
    assert restoring_of([]) is None


def test_tokens_beside_a_text_that_comes_back_stay() -> None:
    raw = json.dumps({"a": "to [EMAIL_1]", "logprobs": {"content": [{"token": "to"}]}}).encode()
    body = GuardedBody(raw, lambda _: [Segment(("a",), "to [EMAIL_1]")])
    restored = json.loads(Restoring({"[EMAIL_1]": "x"}).answer(body))
    assert (restored["a"], restored["logprobs"]) == ("to x", {"content": [{"token": "to"}]})
