"""Stage: carry out a plan. The driver of ``routing/walk.py``, which says what to attempt and how long to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.dialects import openai_chat
from penstock.pipeline.attempt import attempt, failed
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.configure import Compiled, Configure
from penstock.routing.walk import Attempt, Wait, walk
from penstock.transport.base import Transport

_NOTHING: Final = failed(Failure(Kind.INTERNAL, "The plan led to no attempt: this is a defect of the gateway."))


async def route(
    call: Call,
    chat: openai_chat.Request | None,
    compiled: Compiled,
    configure: Configure,
    transports: Mapping[str, Transport],
) -> tuple[Answer, int]:
    """The answer of the last attempt, and the retry count to report. Answers that routing passes over are closed."""
    walker = walk(compiled.plan)
    answer = _NOTHING
    step = next(walker)
    while True:
        match step:
            case Attempt(target):
                answer.close()
                ready = configure.route(compiled, target, call.operation)
                answer = failed(ready) if isinstance(ready, Failure) else await attempt(call, chat, ready, transports)
                answer.target = target
            case Wait(seconds):
                await asyncio.sleep(seconds)
        try:
            step = walker.send(answer.outcome)
        except StopIteration as walked:
            return answer, walked.value.retry_count
