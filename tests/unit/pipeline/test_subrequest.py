"""Small requests of the gateway's own: asked once for all who wait, answered whole, and short."""

import asyncio

from fake_reply import FakeReply
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits, Url
from penstock.pipeline.subrequest import RememberedSubrequests, Subrequests, whole
from penstock.transport.base import Reply, Request

REQUEST = Request(Url.parse("https://example.com/token").origin, b"GET", b"/token", b"", b"", Limits())


class Answering:
    """A transport that gives one answer."""

    def __init__(self, answer: Reply | Failure) -> None:
        self.answer = answer

    async def send(self, request: Request) -> Reply | Failure:
        return self.answer

    async def close(self) -> None:
        """Nothing is open."""


async def test_all_who_wait_share_one_request() -> None:
    begun, gate, asked = asyncio.Event(), asyncio.Event(), []

    async def ask() -> int:
        asked.append(1)
        begun.set()
        await gate.wait()
        return 7

    subrequests = Subrequests[int]()
    first, second = (asyncio.create_task(subrequests.run("a", ask)) for _ in range(2))
    await begun.wait()
    assert "a" in subrequests
    first.cancel()
    gate.set()
    assert await second == 7
    assert (first.cancelled(), asked) == (True, [1])
    await asyncio.sleep(0)
    assert "a" not in subrequests


async def test_a_result_is_remembered_as_long_as_it_says() -> None:
    async def ask(seconds: float) -> tuple[str, float]:
        return "", seconds

    subrequests = RememberedSubrequests[str](1)
    assert subrequests.known("a") is None
    assert await subrequests.run("a", lambda: ask(3600)) == subrequests.known("a") == ""
    assert await subrequests.run("a", lambda: ask(-1)) == ""
    assert subrequests.known("a") is None
    await subrequests.run("a", lambda: ask(float("inf")))
    await subrequests.run("b", lambda: ask(float("inf")))
    assert (subrequests.known("a"), subrequests.known("b")) == (None, "")


async def test_an_answer_is_read_whole_and_closed() -> None:
    reply = FakeReply(200, b"{}")
    assert await whole({"https": Answering(reply)}, REQUEST) == (200, b"{}")
    assert reply.closed


async def test_a_failure_is_told() -> None:
    answer = Failure(Kind.TOKEN_UNAVAILABLE, "No")
    assert await whole({"https": Answering(answer)}, REQUEST) is answer


async def test_a_reply_that_breaks_off_is_a_failure() -> None:
    reply = FakeReply(200, b"{")
    reply.failure = Failure(Kind.TRUNCATED, "Cut off")
    assert await whole({"https": Answering(reply)}, REQUEST) is reply.failure
    assert reply.closed


async def test_a_long_answer_is_refused() -> None:
    reply = FakeReply(200, b"x" * (1 << 17))
    failure = await whole({"https": Answering(reply)}, REQUEST)
    assert isinstance(failure, Failure)
    assert (failure.kind, reply.closed) == (Kind.INVALID_RESPONSE, True)
