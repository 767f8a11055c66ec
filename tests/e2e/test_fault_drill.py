"""The fault drill: the openai SDK asks a gateway whose primary provider misbehaves in every way, with one fallback.

The caller gets the whole answer or one clean error, never a cut answer that looks complete, and model and usage are those
of the target that answered. Waits between attempts are recorded, not slept.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import (
    CHUNK,
    COMPLETION,
    DONE,
    FINISH,
    ROLE,
    Act,
    Upstream,
    chunk,
    events,
    hang_up,
    reply,
    reset,
    running_upstream,
    send,
    wait_for_hang_up,
)

WAITS: list[float] = []
ASK: Any = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}


async def recorded(seconds: float) -> None:
    WAITS.append(seconds)
    await asyncio.sleep(0)


@pytest.fixture(scope="module")
def drilled() -> Iterator[RunningGateway]:
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_UPSTREAM_IDLE_TIMEOUT": "2"}
    with running_gateway(load({}, environment, Path("/nonexistent")), sleep=recorded) as gateway:
        yield gateway


@pytest.fixture
def primary() -> Iterator[Upstream]:
    with running_upstream() as upstream:
        WAITS.clear()
        yield upstream


@pytest.fixture
def backup() -> Iterator[Upstream]:
    with running_upstream() as upstream:
        yield upstream


def answered(model: str) -> Act:
    return reply(200, json.dumps({**COMPLETION, "model": model, "usage": USAGE}).encode())


def streamed(model: str, *, done: bool = True) -> Act:
    usage = chunk({}, model=model, choices=[], usage=USAGE)
    told = [chunk({"role": "assistant", "content": ""}, model=model), chunk({"content": "from "}, model=model)]
    return events(*told, chunk({"content": model}, model=model), FINISH, usage, *([DONE] if done else []))


Open = Callable[..., openai.OpenAI]


@pytest.fixture
def client(drilled: RunningGateway, primary: Upstream, backup: Upstream) -> Iterator[Open]:
    """Opens clients whose config has the settings that it is called with; they are closed with the test."""
    with contextlib.ExitStack() as opened:

        def open_client(**settings: Any) -> openai.OpenAI:
            headers = {"x-portkey-config": json.dumps(config((primary, backup), **settings))}
            return opened.enter_context(openai.OpenAI(base_url=drilled.v1, api_key="unused", default_headers=headers))

        yield open_client


def config(upstreams: tuple[Upstream, Upstream], **settings: Any) -> dict[str, Any]:
    targets = [{"provider": "openai", "api_key": "k", "custom_host": f"{each.url}/v1"} for each in upstreams]
    targets[0] |= settings.pop("primary", {})
    return {
        "strategy": {"mode": "fallback"} | settings.pop("strategy", {}),
        "retry": {"attempts": 2},
        "request_timeout": 30_000,
        "targets": targets,
        **settings,
    }


def text_of(stream: Any) -> tuple[str, str | None, Any]:
    """The text of a stream, the model that its last chunk names, and its usage."""
    parts, model, usage = [], None, None
    for event in stream:
        model, usage = event.model or model, event.usage or usage
        parts += [choice.delta.content or "" for choice in event.choices]
    return "".join(parts), model, usage


REFUSED = {"error": {"message": "no", "type": "x", "code": "x"}}


def status(code: int, **headers: str) -> Act:
    return reply(code, json.dumps(REFUSED).encode(), **headers)


def test_429_once_with_retry_after(client: Open, primary: Upstream, backup: Upstream) -> None:
    primary.play(status(429, retry_after="2"))
    primary.play(answered("first"))
    got = client().chat.completions.create(**ASK)
    assert got.model == "first"
    assert (len(primary.received), len(backup.received)) == (2, 0)
    assert [wait >= 1.8 for wait in WAITS] == [True]


@pytest.mark.parametrize("code", [429, 503, 500, 529])
def test_persistent_refusals_are_served_by_the_fallback(
    code: int, client: Open, primary: Upstream, backup: Upstream
) -> None:
    for _ in range(3):
        primary.play(status(code))
    backup.play(answered("second"))
    got = client().chat.completions.create(**ASK)
    assert (got.model, got.usage and got.usage.total_tokens) == ("second", 12)
    assert (len(primary.received), len(backup.received), len(WAITS)) == (3, 1, 2)


def test_500_once(client: Open, primary: Upstream, backup: Upstream) -> None:
    primary.play(status(500))
    primary.play(answered("first"))
    assert client().chat.completions.create(**ASK).model == "first"
    assert len(backup.received) == 0


@pytest.mark.parametrize("break_off", [reset, hang_up, send(b"HTTP/1.1 200 OK\r\ncontent-")])
def test_broken_before_the_head(break_off: Act, client: Open, primary: Upstream, backup: Upstream) -> None:
    primary.play(break_off, hang_up)
    primary.play(answered("first"))
    assert client().chat.completions.create(**ASK).model == "first"
    assert (len(primary.received), len(backup.received)) == (2, 0)


@pytest.mark.parametrize("stream", [False, True])
def test_total_silence_is_not_retried(stream: bool, client: Open, primary: Upstream, backup: Upstream) -> None:
    primary.play(wait_for_hang_up)
    backup.play(streamed("second") if stream else answered("second"))
    asking = client(primary={"request_timeout": 600}, retry={"attempts": 2, "on_status_codes": [408]})
    got: Any = asking.chat.completions.create(**ASK, stream=stream)
    model = text_of(got)[1] if stream else got.model
    assert model == "second"
    primary.left.get(timeout=60)
    assert (len(primary.received), len(WAITS)) == (1, 0)


@pytest.mark.parametrize("begun", [b"", ROLE, b": still thinking\n\n", ROLE + b": hm\n\n" + chunk({})])
def test_the_first_token_comes_too_late(begun: bytes, client: Open, primary: Upstream, backup: Upstream) -> None:
    primary.play(events(begun, end=False) if begun else wait_for_hang_up, wait_for_hang_up)
    backup.play(streamed("second"))
    asking = client(primary={"timeouts": {"first_token": 1, "idle": 30}})
    text, model, usage = text_of(asking.chat.completions.create(**ASK, stream=True))
    assert (text, model, usage.total_tokens) == ("from second", "second", 12)
    assert len(primary.received) == 1


def test_cut_at_two_thirds_of_a_plain_answer(client: Open, primary: Upstream, backup: Upstream) -> None:
    whole = json.dumps(COMPLETION).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(whole)
    for _ in range(3):
        primary.play(send(head + whole[: 2 * len(whole) // 3]), hang_up)
    backup.play(answered("second"))
    assert client().chat.completions.create(**ASK).model == "second"


@pytest.mark.parametrize("then", [hang_up, reset, wait_for_hang_up])
def test_a_stream_that_breaks_after_its_first_content_ends_with_an_error(
    then: Act, client: Open, primary: Upstream, backup: Upstream
) -> None:
    primary.play(events(ROLE, CHUNK, CHUNK, end=False), then)
    texts = []
    with pytest.raises(openai.APIError) as raised:  # noqa: PT012 (the chunks before the error count)
        for event in client().chat.completions.create(**ASK, stream=True):
            texts.append(event.choices[0].delta.content)  # noqa: PERF401
    assert texts == ["", "Hi", "Hi"]
    assert "provider" in str(raised.value).lower()
    assert (len(primary.received), len(backup.received)) == (1, 0)


@pytest.mark.parametrize("then", [hang_up, reset, wait_for_hang_up])
def test_with_a_rescue_buffer_the_same_break_is_mended(
    then: Act, client: Open, primary: Upstream, backup: Upstream
) -> None:
    for _ in range(3):
        primary.play(events(ROLE, CHUNK, CHUNK, end=False), then)
    backup.play(streamed("second"))
    asking = client(stream_rescue={"mode": "buffer", "tokens": "all"})
    assert text_of(asking.chat.completions.create(**ASK, stream=True))[0] == "from second"


def test_one_malformed_event_is_skipped(client: Open, primary: Upstream, backup: Upstream) -> None:
    primary.play(events(ROLE, CHUNK, b'data: {"id": "chatcmpl-\n\n', CHUNK, FINISH, DONE))
    text, _, _ = text_of(client().chat.completions.create(**ASK, stream=True))
    assert text == "HiHi"
    assert len(backup.received) == 0


def test_a_missing_done_ends_promptly(client: Open, primary: Upstream, backup: Upstream) -> None:
    primary.play(streamed("first", done=False))
    text, model, usage = text_of(client().chat.completions.create(**ASK, stream=True))
    assert (text, model, usage.total_tokens) == ("from first", "first", 12)


def test_a_clean_end_without_a_finish_is_no_whole_answer(client: Open, primary: Upstream, backup: Upstream) -> None:
    primary.play(events(ROLE, CHUNK))
    with pytest.raises(openai.APIError, match="before the answer was finished"):
        text_of(client().chat.completions.create(**ASK, stream=True))


@pytest.mark.parametrize(
    "first",
    [
        chunk({}, error={"message": "Overloaded", "code": 503}),
        b'event: error\ndata: {"error":{"message":"slow down","code":"rate_limit_exceeded"}}\n\n',
        ROLE + b'data: {"error":{"message":"broken"}}\n\n',
        DONE,
        b"",
        ROLE,
    ],
)
def test_an_error_or_nothing_inside_a_200_stream(
    first: bytes, client: Open, primary: Upstream, backup: Upstream
) -> None:
    for _ in range(3):
        primary.play(events(*([first] if first else [])))
    backup.play(streamed("second"))
    asking = client()
    assert text_of(asking.chat.completions.create(**ASK, stream=True))[0] == "from second"


TOO_LONG = {"error": {"message": "x", "type": "invalid_request_error", "code": "context_length_exceeded"}}
FILTERED = {"error": {"message": "x", "code": "content_filter"}}


def test_context_length_goes_on_without_a_retry(client: Open, primary: Upstream, backup: Upstream) -> None:
    primary.play(reply(400, json.dumps(TOO_LONG).encode()))
    backup.play(answered("second"))
    asking = client(retry={"attempts": 2, "on_status_codes": [400]})
    assert asking.chat.completions.create(**ASK).model == "second"
    assert len(primary.received) == 1


def test_content_filter_can_return_to_the_caller(client: Open, primary: Upstream, backup: Upstream) -> None:
    primary.play(reply(400, json.dumps(FILTERED).encode()))
    asking = client(strategy={"return_on_error": ["content_filter"]})
    with pytest.raises(openai.BadRequestError) as raised:
        asking.chat.completions.create(**ASK)
    assert raised.value.code == "content_filter"
    assert len(backup.received) == 0


def test_when_everything_fails_the_sdk_does_not_retry_what_was_retried(
    client: Open, primary: Upstream, backup: Upstream
) -> None:
    for upstream in (primary, backup):
        for _ in range(3):
            upstream.play(status(503))
    with pytest.raises(openai.InternalServerError) as raised:
        client().chat.completions.create(**ASK)
    headers = raised.value.response.headers
    assert (headers["x-should-retry"], headers["retry-after"]) == ("false", "1")
    assert headers["x-portkey-last-used-option-index"] == "config.targets[1]"
    assert (len(primary.received), len(backup.received)) == (3, 3)


def test_a_flapping_primary_is_left_alone_and_taken_back(
    client: Open, primary: Upstream, backup: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = 0.0
    monkeypatch.setattr("penstock.pipeline.route.monotonic", lambda: time.monotonic() + ahead)
    down = 4
    for _ in range(down):
        primary.play(status(503))
    breaker = {"failure_threshold": 3, "cooldown_interval": 600_000, "failure_status_codes": [503]}
    asking = client(strategy={"cb_config": breaker}, retry={"attempts": 0})

    def served() -> str:
        backup.play(answered("second"))
        got = asking.chat.completions.with_raw_response.create(**ASK)
        return got.headers["x-portkey-last-used-option-index"].removeprefix("config.")

    assert [served() for _ in range(6)] == ["targets[1]"] * 6
    assert len(primary.received) == 3
    # Once the cooldown is over, one request tries the primary: the first in vain, and after a further one with success.
    ahead += 601
    assert [served() for _ in range(3)] == ["targets[1]"] * 3
    assert len(primary.received) == down
    ahead += 601
    assert [served() for _ in range(3)] == ["targets[0]"] * 3
