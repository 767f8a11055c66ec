"""Two attempts side by side: which answer counts, and that whatever loses is closed."""

import asyncio

import pytest
from penstock.pipeline.race import race

from fake_reply import FakeReply
from penstock.core import outcome
from penstock.core.failure import Failure, Kind
from penstock.core.outcome import Outcome
from penstock.pipeline.call import Answer
from penstock.routing.plan import Target
from penstock.routing.walk import Attempt, Race

FIRST, SECOND = (Attempt(Target(provider=name, path=name)) for name in ("first", "second"))
GOOD = Outcome(200)
BAD = outcome.failed(Failure(Kind.CONNECTION_REFUSED, "No"))


def answer(came: Outcome) -> Answer:
    return Answer(came.status or 502, [], b"", came, FakeReply(200, b""))


def closed(found: Answer) -> bool:
    assert isinstance(found.rest, FakeReply)
    return found.rest.closed


class Runs:
    """Two attempts: what comes of each (None: never anything), once its gate is open."""

    def __init__(self, first: Outcome | None, second: Outcome | None) -> None:
        self.answers = {name: answer(came) for name, came in (("first", first), ("second", second)) if came is not None}
        self.gates = {name: asyncio.Event() for name in self.answers}
        self.begun = asyncio.Event()
        self.cancelled: list[str] = []

    async def attempt(self, step: Attempt) -> Answer:
        name = step.target.provider
        if name == "second":
            self.begun.set()
        try:
            await self.gates.get(name, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        return self.answers[name]


async def until_seen() -> None:
    """Let every task that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_without_need_the_second_is_not_started() -> None:
    runs = Runs(BAD, GOOD)
    runs.gates["first"].set()
    found, raced = await race(Race(FIRST, SECOND, 60.0), runs.attempt)
    assert (found.outcome, raced.rival_ran, raced.outcomes) == (BAD, False, (BAD, None))
    assert not runs.begun.is_set()


async def test_the_good_one_wins_and_the_other_is_cancelled() -> None:
    runs = Runs(None, GOOD)
    runs.gates["second"].set()
    found, raced = await race(Race(FIRST, SECOND, 0.0), runs.attempt)
    assert (found.outcome, raced.outcomes, raced.rival_ran) == (GOOD, (None, GOOD), True)
    assert runs.cancelled == ["first"]
    assert not closed(found)


@pytest.mark.parametrize(("early", "late"), [("first", "second"), ("second", "first")])
async def test_of_two_failures_the_later_counts_and_the_other_is_closed(early: str, late: str) -> None:
    runs = Runs(BAD, BAD)
    racing = asyncio.create_task(race(Race(FIRST, SECOND, 0.0), runs.attempt))
    await runs.begun.wait()
    runs.gates[early].set()
    await until_seen()
    runs.gates[late].set()
    found, raced = await racing
    assert found is runs.answers[late]
    assert raced.outcomes == (BAD, BAD)
    assert (closed(runs.answers[early]), closed(found)) == (True, False)


async def test_leaving_cancels_both() -> None:
    runs = Runs(None, None)
    racing = asyncio.create_task(race(Race(FIRST, SECOND, 0.0), runs.attempt))
    await runs.begun.wait()
    racing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await racing
    await until_seen()
    assert sorted(runs.cancelled) == ["first", "second"]
