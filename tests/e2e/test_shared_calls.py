"""One upstream call for many: identical cacheable requests, and the one request behind an Idempotency-Key."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import CHUNK, DONE, FINISH, ROLE, Upstream, events, hang_up, held, reply, wait_for_hang_up

STREAM = ROLE + CHUNK + CHUNK + FINISH + DONE


@pytest.fixture(scope="module")
def quiet() -> Iterator[RunningGateway]:
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_UPSTREAM_IDLE_TIMEOUT": "60"}
    with running_gateway(load({}, environment, Path("/nonexistent"))) as gateway:
        yield gateway


def headers(upstream: Upstream, *, cache: bool = True, **more: str) -> dict[str, str]:
    config: dict[str, Any] = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    if cache:
        config["cache"] = {"mode": "simple"}
    return {"x-portkey-config": json.dumps(config), **more}


def body(*, stream: bool = False, text: str = "Hello") -> dict[str, Any]:
    return {"model": "m", "stream": stream, "messages": [{"role": "user", "content": text}]}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_thousand_identical_requests_are_one_call(
    stream: bool, quiet: RunningGateway, upstream: Upstream
) -> None:
    release = threading.Event()
    upstream.play(held(release), events(ROLE, CHUNK, CHUNK, FINISH, DONE) if stream else reply())
    async with contextlib.AsyncExitStack() as opened:
        # The time that a client of httpx takes grows with the square of its connections.
        clients = [
            await opened.enter_async_context(httpx.AsyncClient(base_url=quiet.v1, timeout=100)) for _ in range(20)
        ]
        asking = [
            asyncio.create_task(client.post("/chat/completions", json=body(stream=stream), headers=headers(upstream)))
            for client in clients
            for _ in range(50)
        ]
        await asyncio.wait(asking, timeout=0.2)
        release.set()
        replies = await asyncio.gather(*asking)
    assert len(upstream.received) == 1
    assert {got.status_code for got in replies} == {200}
    assert len({got.content for got in replies}) == 1
    assert sorted({got.headers["x-portkey-cache-status"] for got in replies}) == ["HIT", "MISS"]
    if stream:
        assert replies[0].content == STREAM


async def test_whoever_waits_for_less_is_not_held_up_by_another(quiet: RunningGateway, upstream: Upstream) -> None:
    arrived, release = threading.Event(), threading.Event()
    upstream.play(held(release, arrived), reply())
    upstream.play(held(release), reply())
    async with httpx.AsyncClient(base_url=quiet.v1, timeout=300) as client:
        patient = asyncio.create_task(client.post("/chat/completions", json=body(), headers=headers(upstream)))
        assert await asyncio.to_thread(arrived.wait, 300)
        hasty = {**headers(upstream), "x-portkey-request-timeout": "200"}
        assert (await client.post("/chat/completions", json=body(), headers=hasty)).status_code == 408
        assert not patient.done()
        release.set()
        assert (await patient).status_code == 200


async def test_followers_go_on_when_the_first_one_leaves(quiet: RunningGateway, upstream: Upstream) -> None:
    release = threading.Event()
    upstream.play(events(ROLE, CHUNK, end=False), held(release), hang_up)
    async with httpx.AsyncClient(base_url=quiet.v1, timeout=300) as client:
        asked: dict[str, Any] = {"json": body(stream=True), "headers": headers(upstream)}
        async with client.stream("POST", "/chat/completions", **asked) as first:
            assert first.headers["x-portkey-cache-status"] == "MISS"
            async with client.stream("POST", "/chat/completions", **asked) as second:
                assert second.headers["x-portkey-cache-status"] == "HIT"
                await first.aclose()
                assert upstream.left.empty()
                release.set()
                rest = b"".join([piece async for piece in second.aiter_raw()])
    assert rest.startswith(ROLE + CHUNK)
    assert b"upstream_truncated" in rest
    assert len(upstream.received) == 1


async def test_when_all_have_left_the_call_is_closed(quiet: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(ROLE, CHUNK, end=False), wait_for_hang_up)
    async with httpx.AsyncClient(base_url=quiet.v1, timeout=300) as client:
        asked: dict[str, Any] = {"json": body(stream=True), "headers": headers(upstream)}
        first = client.stream("POST", "/chat/completions", **asked)
        async with first as leaving, client.stream("POST", "/chat/completions", **asked):
            await leaving.aclose()
    await asyncio.to_thread(upstream.left.get, timeout=60)


async def test_what_was_cut_short_is_not_kept(quiet: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(ROLE, CHUNK, end=False), hang_up)
    upstream.play(events(ROLE, CHUNK, CHUNK, FINISH, DONE))
    async with httpx.AsyncClient(base_url=quiet.v1, timeout=300) as client:
        asked: dict[str, Any] = {"json": body(stream=True), "headers": headers(upstream)}
        cut = await client.post("/chat/completions", **asked)
        whole = await client.post("/chat/completions", **asked)
    assert b"upstream_truncated" in cut.content
    assert (whole.content, whole.headers["x-portkey-cache-status"]) == (STREAM, "MISS")


@pytest.mark.parametrize("stream", [False, True])
async def test_an_idempotency_key_makes_a_request_once(stream: bool, quiet: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(ROLE, CHUNK, CHUNK, FINISH, DONE) if stream else reply())
    asked: dict[str, Any] = {
        "json": body(stream=stream),
        "headers": headers(upstream, cache=False, **{"idempotency-key": f"one {stream}"}),
    }
    async with httpx.AsyncClient(base_url=quiet.v1, timeout=300) as client:
        first = await client.post("/chat/completions", **asked)
        again = await client.post("/chat/completions", **asked)
        other = await client.post("/chat/completions", **{**asked, "json": body(stream=stream, text="Other")})
        theirs = {**asked["headers"], "authorization": "Bearer somebody-else"}
        stranger = await client.post("/chat/completions", json=body(stream=stream, text="Other"), headers=theirs)
    assert first.content == again.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_conflict")
    assert stranger.status_code == 200
    assert len(upstream.received) == 2


async def test_coming_back_finds_the_call_still_running(quiet: RunningGateway, upstream: Upstream) -> None:
    arrived, release = threading.Event(), threading.Event()
    upstream.play(held(release, arrived), reply())
    asked: dict[str, Any] = {"json": body(), "headers": headers(upstream, cache=False, **{"idempotency-key": "two"})}
    async with httpx.AsyncClient(base_url=quiet.v1, timeout=300) as client:
        leaving = asyncio.create_task(client.post("/chat/completions", **asked))
        assert await asyncio.to_thread(arrived.wait, 300)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        coming_back = asyncio.create_task(client.post("/chat/completions", **asked))
        release.set()
        got = await coming_back
    assert got.headers["idempotent-replayed"] == "true"
    assert len(upstream.received) == 1


async def test_a_failure_is_tried_again(quiet: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(500))
    asked: dict[str, Any] = {"json": body(), "headers": headers(upstream, cache=False, **{"idempotency-key": "three"})}
    async with httpx.AsyncClient(base_url=quiet.v1, timeout=300) as client:
        statuses = [(await client.post("/chat/completions", **asked)).status_code for _ in range(2)]
    assert statuses == [500, 200]
