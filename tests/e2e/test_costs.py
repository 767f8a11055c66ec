"""What requests cost, seen by callers and in the access log: from the first start, without any command."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from paths import ROOT
from penstock.observe.record import AttemptRecord
from penstock.pipeline.records.cost import Costs
from penstock.settings import load
from penstock.stores.catalogue import Catalogue
from penstock.stores.prices import DefaultPrices, default_table
from running import RunningGateway, running_gateway
from upstream import CHUNK, DONE, FINISH, ROLE, Act, Upstream, chunk, events, reply

DOCS = ROOT / "docs" / "prices.md"


def example() -> str:
    """The last TOML of the page, which is an operator's whole file."""
    return str(re.findall(r"```toml\n(.+?)```", DOCS.read_text("utf-8"), re.DOTALL)[-1])


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[RunningGateway]:
    file = tmp_path / "penstock.toml"
    file.write_text(example())
    with running_gateway(load({}, {"PENSTOCK_STORE_DATABASE": "none"}, tmp_path), file) as gateway:
        yield gateway


def ask(gateway: RunningGateway, model: str = "echo", **headers: str) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    given = {"x-portkey-provider": "echo", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=given, timeout=300)


def test_a_plain_answer_tells_its_cost(shown: RunningGateway) -> None:
    """docs/prices.md#an-example"""
    got = ask(shown)
    usage = got.json()["usage"]
    nanos = usage["prompt_tokens"] * 2500 + usage["completion_tokens"] * 10_000
    assert got.headers["x-penstock-cost"] == f"0.{nanos:09d}"
    assert f"`x-penstock-cost: {got.headers['x-penstock-cost']}`" in DOCS.read_text("utf-8")


def test_an_answer_of_unknown_price_tells_none(shown: RunningGateway) -> None:
    assert "x-penstock-cost" not in ask(shown, "another").headers


def test_costs_are_shown_only_where_the_operator_says_so(gateway: RunningGateway) -> None:
    assert "x-penstock-cost" not in ask(gateway).headers


def config(upstream: Upstream, **changes: Any) -> str:
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    return json.dumps({**target, **changes})


def completion(model: str = "gpt-4o", **more: Any) -> Act:
    body = {
        "id": "c", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}, **more,
    }  # fmt: skip
    return reply(body=json.dumps(body).encode())


def test_the_librarys_prices_are_there_without_any_command(shown: RunningGateway, upstream: Upstream) -> None:
    upstream.play(completion())
    got = ask(shown, "gpt-4o", x_portkey_config=config(upstream))
    assert got.headers["x-penstock-cost"] == "0.003500000"  # 1000 × 2.50 + 100 × 10.00 dollars for a million


def test_a_cached_answer_costs_nothing(shown: RunningGateway, upstream: Upstream) -> None:
    upstream.play(completion())
    header = config(upstream, cache={"mode": "simple", "max_age": 60})
    first, second = (ask(shown, "gpt-4o", x_portkey_config=header) for _ in range(2))
    assert first.headers["x-penstock-cost"] == "0.003500000"
    assert second.headers["x-portkey-cache-status"] == "HIT"
    assert second.headers["x-penstock-cost"] == "0.000000000"


def test_a_request_that_fell_back_costs_what_was_billed(shown: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(500, b"{}"))
    upstream.play(completion())
    header = json.dumps({"strategy": {"mode": "fallback"}, "targets": [json.loads(config(upstream))] * 2})
    assert ask(shown, "gpt-4o", x_portkey_config=header).headers["x-penstock-cost"] == "0.003500000"


@pytest.mark.parametrize("more", [{}, {"cache": {"mode": "simple"}}])
@pytest.mark.parametrize("stream", [False, True])
def test_what_a_guard_denies_before_the_call_costs_nothing(
    shown: RunningGateway, upstream: Upstream, more: dict[str, Any], stream: bool
) -> None:
    guard = {"deny": True, "default.regexMatch": {"rule": "Hello", "not": True}}
    headers = {"x-portkey-config": config(upstream, input_guardrails=[guard], **more)}
    body = {"model": "gpt-4o", "stream": stream, "messages": [{"role": "user", "content": "Hello"}]}
    denied = httpx.post(f"{shown.v1}/chat/completions", json=body, headers=headers, timeout=300)
    record = shown.recorded()[-1]
    assert (denied.status_code, upstream.received) == (446, [])
    assert costs_by_the_library().nanos_of(record) == 0


def test_the_cost_of_a_stream_is_known_to_readers_of_its_record(shown: RunningGateway, upstream: Upstream) -> None:
    usage = chunk(
        {},
        choices=[],
        usage={"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
        service_tier="flex",
    )
    upstream.play(events(ROLE, CHUNK, FINISH, usage, DONE))
    body = {"model": "gpt-5", "messages": [], "stream": True, "stream_options": {"include_usage": True}}
    got = httpx.post(
        f"{shown.v1}/chat/completions",
        json=body,
        headers={"x-portkey-config": config(upstream)},
        timeout=60,
        trust_env=False,
    )
    assert "x-penstock-cost" not in got.headers
    records = shown.recorded()
    (attempt,) = records[0].attempts
    assert attempt.usage is not None
    assert attempt.usage.native == {"service_tier": "flex"}
    charged = costs_by_the_library().charge_of(attempt, records[0].at)
    assert charged is not None
    assert charged.nanos == 1_125_000


def test_the_service_tier_that_served_the_request_has_its_price(shown: RunningGateway, upstream: Upstream) -> None:
    upstream.play(completion("gpt-5", service_tier="priority"))
    got = ask(shown, "gpt-5", x_portkey_config=config(upstream))
    assert got.headers["x-penstock-cost"] == "0.004500000"  # 1000 × 2.50 + 100 × 20.00 dollars for a million


def costs_by_the_library() -> Costs:
    return Costs(DefaultPrices(), lambda: Catalogue(price_table=default_table()))


_PAINTER = """
[prices."openai/painter"]
images = { default = { default = 0.04 }, hd = { default = 0.08 } }

[prices."openai/reader"]
units = { characters = 0.00002 }
"""


def test_pictures_and_sound_cost_what_they_take(tmp_path: Path, upstream: Upstream) -> None:
    file = tmp_path / "penstock.toml"
    file.write_text(example() + _PAINTER)
    with running_gateway(load({}, {"PENSTOCK_STORE_DATABASE": "none"}, tmp_path), file) as shown:
        _pictures_and_sound(shown, upstream, {"x-portkey-config": config(upstream)})


def _pictures_and_sound(shown: RunningGateway, upstream: Upstream, headers: dict[str, str]) -> list[AttemptRecord]:
    """Have sound read, pictures drawn and a text spoken: the attempts of the three requests."""
    heard = json.dumps({"text": "Hi", "usage": {"type": "duration", "seconds": 90}}).encode()
    upstream.play(reply(body=heard))
    got = httpx.post(
        f"{shown.v1}/audio/transcriptions",
        data={"model": "whisper-1"},
        files={"file": ("a.mp3", b"ID3")},
        headers=headers,
        timeout=60,
    )
    assert got.headers["x-penstock-cost"] == "0.009000000"  # 90 seconds at 0.36 dollars an hour
    upstream.play(reply(body=b'{"created": 1, "data": [{"url": "https://a"}, {"url": "https://b"}]}'))
    drawn = httpx.post(
        f"{shown.v1}/images/generations",
        json={"model": "painter", "prompt": "A cat", "quality": "hd"},
        headers=headers,
        timeout=60,
    )
    assert drawn.headers["x-penstock-cost"] == "0.160000000"  # 2 × 0.08 dollars
    upstream.play(reply(body=b"ID3", content_type="audio/mpeg"))
    body = {"model": "reader", "input": "Hello", "voice": "alloy"}
    spoken = httpx.post(f"{shown.v1}/audio/speech", json=body, headers=headers, timeout=300)
    assert (spoken.status_code, spoken.content) == (200, b"ID3")
    attempts = [record.attempts[0] for record in shown.recorded()]
    assert [each.usage and each.usage.units for each in attempts] == [
        {"seconds": 90},
        {"image.hd.default": 2},
        {"characters": 5},
    ]
    return attempts


def test_a_budget_is_charged_with_pictures_and_sound(tmp_path: Path, upstream: Upstream) -> None:
    digest = hashlib.sha256(b"a key of the test").hexdigest()
    lines = (f'hash = "sha256:{digest}"', 'hosts = ["127.0.0.1"]', 'usage_limits = { type = "cost", credit_limit = 1 }')
    file = tmp_path / "penstock.toml"
    file.write_text(example() + _PAINTER + "\n".join(("[keys.app]", *lines, "")))
    with running_gateway(load({}, {"PENSTOCK_STORE_DATABASE": "none"}, tmp_path), file) as shown:
        headers = {"x-portkey-config": config(upstream), "x-portkey-api-key": "a key of the test"}
        billed = [each.billed for each in _pictures_and_sound(shown, upstream, headers)]
    told = [each and (each.nanos, each.is_estimated) for each in billed]
    assert told == [(9_000_000, False), (160_000_000, False), (100_000, False)]
