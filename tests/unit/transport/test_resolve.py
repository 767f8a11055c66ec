"""Look-ups by a function that the test brings: nothing here asks a name server."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence

import pytest

from penstock.transport.resolve import ResolverLimits, SystemResolver, system_look_up

SMALL = ResolverLimits(fixed=2, named=4, caller=2)
UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
FAILING = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


class Server:
    """A blocking look-up. Names that begin with ``slow`` are answered when ``release`` is set."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.release = threading.Event()
        self.error: Exception | None = None
        self.addresses = ["192.0.2.1"]
        self.is_slow = False

    def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if self.is_slow or host.startswith("slow"):
            assert self.release.wait(300)
        if self.error is not None:
            raise self.error
        return self.addresses


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.release.set()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def until_asked(server: Server, number: int) -> None:
    """A thread tells nobody that it has begun, so this looks once a round of the event loop."""
    while len(server.asked) < number:  # noqa: ASYNC110
        await asyncio.sleep(0)


def asking(resolver: SystemResolver, host: str, caller: str | None) -> asyncio.Task[Sequence[str]]:
    return asyncio.ensure_future(resolver.addresses(host, caller))


async def test_look_ups_of_one_name_are_shared_and_their_answer_is_kept(server: Server) -> None:
    resolver = SystemResolver(server, SMALL)
    several = [asking(resolver, "slow.example", f"caller-{number % 2}") for number in range(20)]
    await until_asked(server, 1)
    server.release.set()
    assert await asyncio.gather(*several) == [["192.0.2.1"]] * 20
    assert await resolver.addresses("slow.example", "another") == ["192.0.2.1"]
    assert server.asked == ["slow.example"]


async def test_slow_names_delay_neither_the_operators_hosts_nor_other_callers(server: Server) -> None:
    resolver = SystemResolver(server, SMALL)
    slow = [asking(resolver, f"slow{number}.example", "a") for number in range(50)]
    await until_asked(server, 2)
    assert await resolver.addresses("fixed.example", None) == ["192.0.2.1"]
    assert await resolver.addresses("named.example", "b") == ["192.0.2.1"]
    assert [host for host in server.asked if host.startswith("slow")] == ["slow0.example", "slow1.example"]
    server.release.set()
    await asyncio.gather(*slow)
    assert len(server.asked) == 52


async def test_callers_together_have_a_limit_of_their_own(server: Server) -> None:
    resolver = SystemResolver(server, SMALL)
    slow = [asking(resolver, f"slow{number}.example", f"caller-{number}") for number in range(10)]
    await until_asked(server, 4)
    fixed = [asking(resolver, f"slow-fixed{number}.example", None) for number in range(2)]
    await until_asked(server, 6)
    assert len(server.asked) == 6
    server.release.set()
    await asyncio.gather(*slow, *fixed)


async def test_a_request_that_leaves_gives_up_its_turn_but_no_running_look_up(server: Server) -> None:
    resolver = SystemResolver(server, ResolverLimits(named=1, caller=1))
    first, second, third = (asking(resolver, f"slow{number}.example", "a") for number in range(3))
    await until_asked(server, 1)
    for leaver in (first, second):
        leaver.cancel()
        await asyncio.wait([leaver])
    server.release.set()
    assert await third == ["192.0.2.1"]
    assert server.asked == ["slow0.example", "slow2.example"]
    assert await resolver.addresses("slow0.example", "a") == ["192.0.2.1"]
    assert server.asked == ["slow0.example", "slow2.example"]
    assert not resolver._named._shares


async def test_a_name_that_was_found_while_one_waited_for_a_turn(server: Server) -> None:
    resolver = SystemResolver(server, ResolverLimits(named=1, caller=1))
    first = asking(resolver, "slow0.example", "a")
    await until_asked(server, 1)
    same = [asking(resolver, "slow1.example", "a") for _ in range(3)]
    await asyncio.sleep(0)
    server.release.set()
    await asyncio.gather(first, *same)
    assert server.asked == ["slow0.example", "slow1.example"]
    assert not resolver._named._shares


async def test_an_answer_is_fresh_for_half_a_minute(server: Server) -> None:
    clock = Clock()
    resolver = SystemResolver(server, SMALL, clock)
    await resolver.addresses("a.example", None)
    clock.now += 29
    await resolver.addresses("a.example", None)
    assert len(server.asked) == 1
    clock.now += 2
    server.addresses = ["192.0.2.2"]
    assert await resolver.addresses("a.example", None) == ["192.0.2.2"]


async def test_a_stale_answer_serves_while_the_name_server_fails(server: Server) -> None:
    clock = Clock()
    resolver = SystemResolver(server, SMALL, clock)
    await resolver.addresses("a.example", None)
    clock.now += 60
    server.error = FAILING
    assert await resolver.addresses("a.example", None) == ["192.0.2.1"]
    server.error = UNKNOWN
    with pytest.raises(socket.gaierror):
        await resolver.addresses("a.example", None)
    server.error = FAILING
    clock.now += 4000
    with pytest.raises(socket.gaierror):
        await resolver.addresses("a.example", None)


async def test_a_stale_answer_serves_while_the_name_server_is_silent(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("penstock.transport.resolve._SILENCE", 0.01)
    clock = Clock()
    resolver = SystemResolver(server, SMALL, clock)
    await resolver.addresses("a.example", None)
    clock.now += 60
    server.is_slow = True
    assert await resolver.addresses("a.example", None) == ["192.0.2.1"]


async def test_an_address_that_could_not_be_reached_is_looked_up_anew(server: Server) -> None:
    resolver = SystemResolver(server, SMALL)
    await resolver.addresses("a.example", "a")
    resolver.forget("a.example", "a")
    await resolver.addresses("a.example", "a")
    assert server.asked == ["a.example", "a.example"]


@pytest.mark.parametrize("error", [UNKNOWN, UnicodeError("label too long"), KeyError("a defect")])
async def test_a_look_up_that_fails_frees_its_room(server: Server, error: Exception) -> None:
    server.error = error
    resolver = SystemResolver(server, ResolverLimits(named=1, caller=1))
    for _ in range(3):
        with pytest.raises((OSError, UnicodeError)):
            await resolver.addresses("a.example", "a")
    assert len(server.asked) == 3
    assert not resolver._named._shares
    assert not resolver._named._running


async def test_without_a_thread_the_look_up_fails(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    resolver = SystemResolver(server, ResolverLimits(named=1, caller=1))
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(OSError, match="no thread"):
            await resolver.addresses("a.example", "a")
    assert await resolver.addresses("a.example", "a") == ["192.0.2.1"]


def test_a_look_up_outlives_the_loop_without_harm(server: Server) -> None:
    resolver = SystemResolver(server, SMALL)

    async def leave() -> None:
        look_up = asking(resolver, "slow.example", "a")
        await until_asked(server, 1)
        look_up.cancel()
        await asyncio.wait([look_up])

    asyncio.run(leave())
    server.release.set()


def test_the_system_knows_literals_without_a_name_server() -> None:
    assert system_look_up("127.0.0.1") == ["127.0.0.1"]
