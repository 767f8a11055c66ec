"""Attempts of one batch: which answers are tried again, how long, and what is counted as lost."""

from __future__ import annotations

import gzip

import pytest

from penstock.core.http import Posted
from penstock.observe.telemetry.exporter import Exporter


class Receiver:
    """Answers one thing after the other; the last one for ever."""

    def __init__(self, *answers: Posted) -> None:
        self.answers = list(answers)
        self.bodies: list[bytes] = []

    async def post(self, body: bytes, headers: dict[str, str]) -> Posted:
        assert headers == {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
        self.bodies.append(body)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def sent(receiver: Receiver, seconds: float = 3600.0) -> tuple[Exporter, list[float]]:
    waits: list[float] = []

    async def sleep(wait: float) -> None:
        waits.append(wait)

    exporter = Exporter("spans", receiver, seconds, sleep)
    await exporter.send(b"message", 5)
    return exporter, waits


TAKEN = Posted(200)


async def test_a_batch_that_is_taken() -> None:
    receiver = Receiver(TAKEN)
    exporter, waits = await sent(receiver)
    assert gzip.decompress(receiver.bodies[0]) == b"message"
    assert (waits, exporter.is_failing, sum(exporter.lost.values())) == ([], False, 0)


async def test_backoff_and_what_the_receiver_asks_for() -> None:
    busy = [(b"retry-after", b"7")]
    receiver = Receiver(
        Posted(0, problem="refused"), Posted(502), Posted(429, busy), Posted(503, busy), Posted(504), TAKEN
    )
    exporter, (first, second, third, fourth, fifth) = await sent(receiver)
    assert 0.5 <= first <= 1
    assert 1 <= second <= 2
    assert (third, fourth) == (7, 7)
    assert 8 <= fifth <= 16
    assert sum(exporter.lost.values()) == 0


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413, 500, 501])
async def test_what_is_not_tried_again(status: int) -> None:
    exporter, waits = await sent(Receiver(Posted(status)))
    assert (waits, exporter.lost["refused"], exporter.is_failing) == ([], 5, True)


async def test_a_batch_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    exporter, waits = await sent(Receiver(Posted(0, problem="nobody listens")), 0.0)
    assert (waits, exporter.lost["unreachable"]) == ([], 5)
    assert "did not take 5 of the spans: nobody listens" in caplog.text
    exporter, waits = await sent(Receiver(Posted(503, [(b"retry-after", b"4000")])))
    assert (waits, exporter.lost["unreachable"]) == ([], 5)


async def test_more_than_all_can_not_be_rejected() -> None:
    exporter, _ = await sent(Receiver(Posted(200, [], b"\x0a\x02\x08\x09")))
    assert (exporter.lost["rejected"], exporter.is_failing) == (5, False)


async def test_a_batch_that_is_too_large_is_lost_only_where_it_has_no_parts() -> None:
    exporter, _ = await sent(Receiver(Posted(413)))
    assert exporter.lost["refused"] == 5
    assert not await exporter.send(b"message", 5, is_divisible=True)
    assert exporter.lost["refused"] == 5


async def test_a_receiver_that_asks_for_a_pause_has_it_of_later_batches_too(caplog: pytest.LogCaptureFixture) -> None:
    """It isn't asked again with each batch while it wants nothing: those that can't wait are lost, and counted."""
    receiver = Receiver(Posted(429, [(b"retry-after", b"4000")]), TAKEN)
    exporter, _ = await sent(receiver)
    await exporter.send(b"second", 7)
    assert (len(receiver.bodies), exporter.lost["unreachable"]) == (1, 12)
    assert "it answers with status 429" in caplog.text
    waits: list[float] = []

    async def sleep(wait: float) -> None:
        waits.append(wait)

    exporter._retry_seconds, exporter._sleep = 10_000.0, sleep
    assert await exporter.send(b"third", 1)
    (wait,) = waits
    assert 3900 < wait <= 4000
    assert (len(receiver.bodies), exporter.lost["unreachable"], exporter.is_failing) == (2, 12, False)


async def test_a_receiver_that_asks_for_no_pause_for_ever_is_not_asked_without_one() -> None:
    none = Posted(503, [(b"retry-after", b"0")])
    _, waits = await sent(Receiver(none, none, none, none, TAKEN))
    assert waits == [pytest.approx(pause) for pause in (0.1, 0.2, 0.4, 0.8)]
