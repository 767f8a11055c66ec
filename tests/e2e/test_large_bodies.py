"""Bodies of megabytes through the real server: read and rewritten in a process of its own, whole on every way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from bench import large, local

from penstock.pipeline.off_loop import process as large_work
from running import RunningGateway
from upstream import Upstream, reply

TEXT = "Which way does the tide run? " * 150_000
MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
    "content": [{"type": "text", "text": "Out."}], "usage": {"input_tokens": 10, "output_tokens": 7},
}  # fmt: skip


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done in a process."""
    done: list[str] = []
    work = large_work._Process.do

    def noted(process: Any, job: Any, memory: int) -> Any:
        done.append(job[0].__name__)
        return work(process, job, memory)

    monkeypatch.setattr(large_work._Process, "do", noted)
    return done


def ask(gateway: RunningGateway, upstream: Upstream, provider: str, text: str, **headers: str) -> httpx.Response:
    fields = {
        "x-portkey-provider": provider,
        "x-portkey-custom-host": f"{upstream.url}/v1",
        "authorization": "Bearer k",
    }
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": text}], "temperature": 0.5}
    return httpx.post(f"{gateway.url}/v1/chat/completions", json=body, headers={**fields, **headers}, timeout=300)


def test_on_lane_1(gateway: RunningGateway, upstream: Upstream, processes: list[str]) -> None:
    answer = ask(gateway, upstream, "openai", TEXT)
    assert answer.status_code == 200
    assert upstream.last.json["messages"] == [{"role": "user", "content": TEXT}]
    assert upstream.last.json["temperature"] == 0.5
    assert processes == ["read_places", "rewrite_large"]


def test_translated_there_and_back(gateway: RunningGateway, upstream: Upstream, processes: list[str]) -> None:
    upstream.play(reply(body=json.dumps({**MESSAGE, "content": [{"type": "text", "text": TEXT}]}).encode()))
    answer = ask(gateway, upstream, "anthropic", TEXT)
    assert answer.json()["choices"][0]["message"]["content"] == TEXT
    assert upstream.last.json["messages"][0]["content"][0]["text"] == TEXT
    assert processes == ["read_places", "rewrite_large", "changed_large"]


def test_small_bodies_need_no_process(gateway: RunningGateway, upstream: Upstream, processes: list[str]) -> None:
    upstream.play(reply(body=json.dumps(MESSAGE).encode()))
    assert ask(gateway, upstream, "anthropic", TEXT[: 1 << 20]).status_code == 200
    assert processes == []


def test_cached_and_replayed(gateway: RunningGateway, upstream: Upstream, processes: list[str]) -> None:
    config = json.dumps({"provider": "openai", "cache": {"mode": "simple"}, "api_key": "k"})
    before = len(upstream.received)
    for _ in range(2):
        assert ask(gateway, upstream, "openai", TEXT, **{"x-portkey-config": config}).status_code == 200
    assert len(upstream.received) == before + 1
    for _ in range(2):
        assert ask(gateway, upstream, "openai", TEXT, **{"idempotency-key": "large"}).status_code == 200
    assert len(upstream.received) == before + 2


def test_by_the_built_in_provider(gateway: RunningGateway, processes: list[str]) -> None:
    body = {"model": "echo", "messages": [{"role": "user", "content": TEXT}]}
    fields = {"x-portkey-provider": "echo"}
    answer = httpx.post(f"{gateway.url}/v1/chat/completions", json=body, headers=fields, timeout=300)
    assert answer.status_code == 200
    assert processes == ["read_places", "rewrite_large", "script_aside"]


def test_one_that_takes_too_much_memory(
    gateway: RunningGateway, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise large_work.WorkError(large_work.NO_MEMORY)

    monkeypatch.setattr(large_work._Process, "do", refused)
    answer = ask(gateway, upstream, "anthropic", TEXT)
    assert answer.status_code == 413
    assert "more memory" in answer.json()["error"]["message"]


def test_the_drill_in_a_small_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are read and nothing is lost; how long it takes decides nothing."""
    monkeypatch.setattr(large, "_IDLE_SECONDS", 0.1)
    monkeypatch.setattr(large, "_AFTERWARDS", 0.1)
    load = large.Load("surrogates", 2, large.LOADS[-1].body)
    monkeypatch.setenv("BENCH_PAUSES", str(tmp_path / "pauses"))
    with (
        large.provider_process() as port,
        local.running(tmp_path, {}, program=("-m", "bench.observed")) as gateway,
    ):
        figures = large.measure(load, "anthropic", gateway, port)
    assert figures.statuses == {"200": 1}
    assert figures.peak_mb > 0
