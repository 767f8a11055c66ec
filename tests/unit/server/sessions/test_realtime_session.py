"""Messages that come in fragments, and what a caller's event may name. tests/e2e/test_realtime.py runs whole sessions."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from penstock.core.failure import Failure, Kind
from penstock.core.outcome import Outcome
from penstock.dialects.openai.caller.dialect import OPENAI
from penstock.pipeline.call import Answer
from penstock.server.sessions.realtime_session import Session, _Held, _refused
from penstock.server.sessions.socket_end import Gone
from penstock.settings.realtime import Realtime

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


class End:
    """One end of a session. A caller's leaves when it is told of an error; ``is_gone``: a provider's gives no sign of
    life."""

    close_code: int | None = None
    close_reason, is_open, fault = "", True, None

    def __init__(self, *, is_gone: bool = False) -> None:
        self.is_gone = is_gone
        self.closed: list[str] = []
        self.session: asyncio.Task[None] | None = None

    async def frames(self) -> list[Frame]:
        await asyncio.Event().wait()
        return []

    def silence_due(self) -> float:
        return math.inf

    def ask(self, _now: float) -> None:
        if self.is_gone:
            raise Gone

    async def say(self, _text: bytes) -> None:
        assert self.session is not None
        self.session.cancel()
        await asyncio.sleep(0)

    async def close(self, _code: int, reason: str = "") -> None:
        self.closed.append(reason)


async def nothing() -> None:
    return None


@pytest.mark.parametrize("has_left", [True, False])
async def test_why_a_session_ended_whose_caller_leaves_at_once(has_left: bool) -> None:
    """The provider's fault stays one, though the caller's leaving, or the end of the gateway, cancels the session."""
    assert EVENTS is not None
    caller: Any = End()
    upstream: Any = End(is_gone=True)
    answer = Answer(101, [], b"", Outcome(101))
    session = Session(caller, upstream, answer, EVENTS, "", lambda: 0.0, has_left=lambda: has_left)
    caller.session = asyncio.ensure_future(session.run(Realtime(), nothing))
    with contextlib.suppress(asyncio.CancelledError):
        await caller.session
    assert session.failure is not None
    assert (session.failure.kind, session.is_providers_fault) == (Kind.IDLE_TIMEOUT, True)
    assert caller.closed == upstream.closed == ["The caller has left." if has_left else "The gateway is stopping."]
