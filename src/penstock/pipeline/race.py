"""Two attempts side by side (hedging): the first good one wins, the other is cancelled at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from penstock.core.outcome import Outcome
from penstock.pipeline.call import Answer
from penstock.routing.walk import Attempt, Race, Raced

Try = Callable[[Attempt], Coroutine[Any, Any, Answer]]
Runner = asyncio.Task[Answer]


async def race(step: Race, attempt: Try) -> tuple[Answer, Raced]:
    """Run a race: the answer that counts, and how it went. The second attempt starts after ``step.delay`` seconds."""
    loop = asyncio.get_running_loop()
    first = loop.create_task(attempt(step.first))
    runners = [first]
    try:
        await asyncio.wait(runners, timeout=step.delay)
        if first.done():
            answer = first.result()
            return answer, Raced((answer.outcome, None), 0, rival_ran=False)
        second = loop.create_task(attempt(step.second))
        runners.append(second)
        winner = await _winner(first, second)
        answer = winner.result()
        loser = second if winner is first else first
        beaten = await _beaten(loser)
    except BaseException:
        for runner in runners:
            _give_up(runner)
        raise
    outcomes = (answer.outcome, beaten) if winner is first else (beaten, answer.outcome)
    return answer, Raced(outcomes, 0 if winner is first else 1, rival_ran=True)


async def _winner(first: Runner, second: Runner) -> Runner:
    """The first that is good; when neither is, the one that took longer to fail."""
    await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
    for runner in (first, second):
        if runner.done() and runner.result().outcome.ok:
            return runner
    late = second if first.done() else first
    await asyncio.wait({late})
    return late


async def _beaten(loser: Runner) -> Outcome | None:
    """What came of the loser, None when it was cancelled; whatever it held is closed when this returns."""
    loser.cancel()
    await asyncio.wait({loser})
    if loser.cancelled():
        return None
    answer = loser.result()
    answer.close()
    return answer.outcome


def _give_up(runner: Runner) -> None:
    if not runner.done():
        runner.cancel()
    elif not runner.cancelled() and runner.exception() is None:
        runner.result().close()
