"""Of several processes one makes a call; here they are stages of one process over one store."""

from __future__ import annotations

import asyncio

import pytest

from penstock.core.failure import Failure
from penstock.core.outcome import Outcome
from penstock.dialects.registry import CALLERS
from penstock.pipeline.call import Answer
from penstock.pipeline.claimed_call import ClaimedCall, SharedClaims
from penstock.pipeline.shared_call import SharedCall
from penstock.stores.base import Claim, KeptAnswer

CHAT = CALLERS["openai_chat"]
KEPT = KeptAnswer(200, [], b"kept", "", None, None)


class Store:
    """A store that gives these answers to claims, and keeps what it is told."""

    def __init__(self, *claims: Claim | None, lease: float = 30.0) -> None:
        self.lease = lease
        self.told: list[tuple[str, bytes, str]] = []
        self.renewed = asyncio.Event()
        self._claims = [*claims]

    async def claim(self, key: bytes, fingerprint: bytes) -> Claim | None:
        return self._claims.pop(0)

    async def renew(self, key: bytes, owner: str) -> None:
        self.renewed.set()

    async def keep(self, key: bytes, owner: str, answer: KeptAnswer, ttl: float) -> None:
        self.told.append(("keep", answer.body, owner))

    async def release(self, key: bytes, owner: str) -> None:
        self.told.append(("release", b"", owner))


def answer(body: bytes) -> Answer:
    return Answer(200, [], body, Outcome(200))


def refused(failure: Failure) -> Answer:
    return answer(failure.kind.value.encode())


async def made() -> Answer:
    return answer(b"made")


async def asked(
    store: Store, *, is_good: bool = True, is_needed: bool = False
) -> tuple[bytes, list[tuple[str, bytes, str]]]:
    """The body of the answer, and what the store is told at the call's end."""
    claims = SharedClaims(store, 60.0, is_needed)
    call = ClaimedCall(claims, b"k", b"print", CHAT)
    ended = asyncio.Event()

    def completed(shared_call: SharedCall) -> None:
        call.completed(shared_call, is_good=is_good)
        ended.set()

    shared = SharedCall(lambda: call.answer(made, lambda kept: answer(kept.body), refused), 1000, completed)
    got = await shared.join()
    await ended.wait()
    while claims.tasks:
        await asyncio.wait(claims.tasks)
    return got.body, store.told


@pytest.mark.parametrize(("is_good", "told"), [(True, ("keep", b"made", "me")), (False, ("release", b"", "me"))])
async def test_the_owner_makes_the_call(is_good: bool, told: tuple[str, bytes, str]) -> None:
    assert await asked(Store(Claim(b"print", "me")), is_good=is_good) == (b"made", [told])


async def test_the_others_wait_for_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.pipeline.claimed_call._FIRST_PAUSE", 0.0)
    store = Store(Claim(b"print"), Claim(b"print"), Claim(b"print", answer=KEPT))
    assert await asked(store) == (b"kept", [])


async def test_a_key_that_became_free_meanwhile_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.pipeline.claimed_call._FIRST_PAUSE", 0.0)
    store = Store(Claim(b"print"), Claim(b"print", "me"))
    assert await asked(store) == (b"made", [("keep", b"made", "me")])


async def test_another_request_under_the_key() -> None:
    assert await asked(Store(Claim(b"other"))) == (b"idempotency_conflict", [])


async def test_without_the_store_the_process_makes_its_own_call() -> None:
    assert await asked(Store(None)) == (b"made", [])


async def test_without_a_store_that_is_needed_no_call_is_made() -> None:
    assert await asked(Store(None), is_needed=True) == (b"store_unavailable", [])


async def test_a_claim_is_renewed_while_the_call_runs() -> None:
    store = Store(Claim(b"print", "me"), lease=0.0)
    claims = SharedClaims(store, 60.0)
    call = ClaimedCall(claims, b"k", b"print", CHAT)

    async def slow() -> Answer:
        await store.renewed.wait()
        return answer(b"made")

    ended = asyncio.Event()

    def completed(shared_call: SharedCall) -> None:
        call.completed(shared_call, is_good=True)
        ended.set()

    shared = SharedCall(lambda: call.answer(slow, lambda _: answer(b""), refused), 1000, completed)
    assert (await shared.join()).body == b"made"
    await ended.wait()
    while claims.tasks:
        await asyncio.wait(claims.tasks)
    assert store.told == [("keep", b"made", "me")]
