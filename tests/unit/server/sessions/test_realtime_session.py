"""Messages that come in fragments, and what a caller's event may name. tests/e2e/test_realtime.py runs whole sessions."""

from __future__ import annotations

from websockets.frames import Frame, Opcode

from penstock.core.failure import Failure, Kind
from penstock.dialects.openai.caller.dialect import OPENAI
from penstock.server.sessions.realtime_session import _Held, _refused

EVENTS = OPENAI.relay.session


def test_a_message_is_held_until_it_is_whole() -> None:
    held = _Held()
    assert held.whole(Frame(Opcode.TEXT, b"a", fin=False)) is None
    assert held.whole(Frame(Opcode.CONT, b"b", fin=False)) is None
    whole = held.whole(Frame(Opcode.CONT, b"c", fin=True))
    assert whole is not None
    assert (whole.opcode, whole.data) == (Opcode.TEXT, b"abc")
    alone = Frame(Opcode.TEXT, b"d", fin=True)
    assert held.whole(alone) is alone


def test_an_event_that_names_a_model() -> None:
    assert EVENTS is not None
    refusal = Failure(Kind.MODEL_NOT_ALLOWED, "not this one")

    def judge(model: str) -> Failure | None:
        return None if model == "gpt-realtime" else refusal

    assert _refused(b'{"type": "response.create"}', judge, EVENTS) is None
    assert _refused(b'{"type": "session.update", "session": {"model": "gpt-realtime"}}', judge, EVENTS) is None
    assert _refused(b'{"type": "session.update", "session": {"model": "other"}}', judge, EVENTS) is refusal
    unreadable = _refused(b'{"model', judge, EVENTS)
    assert unreadable is not None
    assert unreadable.kind is Kind.MODEL_NOT_ALLOWED
