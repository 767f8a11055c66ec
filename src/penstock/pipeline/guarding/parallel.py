"""Guards that judge a request while its provider works already: nothing is given out before their verdict, and a denial
ends the provider's call at once. It saves the time of the guards, and costs what the provider did until then.

Source: docs/guardrails.md#in-parallel-with-the-model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from penstock.pipeline.call import Answer

T = TypeVar("T")


async def judged_beside(
    judging: Coroutine[Any, Any, T], sending: Coroutine[Any, Any, Answer], denies: Callable[[T], bool]
) -> tuple[Answer | None, T]:
    """The provider's answer and what the guards found. Where they deny, the answer is closed, and None if there was
    none yet."""
    loop = asyncio.get_running_loop()
    judge, send = loop.create_task(judging), loop.create_task(sending)
    try:
        await asyncio.wait({judge})
        found = judge.result()
        if not denies(found):
            return await send, found
        send.cancel()
        await asyncio.wait({send})
    except BaseException:
        judge.cancel()
        _give_up(send)
        raise
    answer = None if send.cancelled() or send.exception() is not None else send.result()
    if answer is not None:
        answer.close()
    return answer, found


def _give_up(send: asyncio.Task[Answer]) -> None:
    if not send.done():
        send.cancel()
    elif not send.cancelled() and send.exception() is None:
        send.result().close()
