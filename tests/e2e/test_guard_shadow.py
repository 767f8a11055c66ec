"""Guards in shadow mode over real sockets: they judge and are recorded; nothing is denied, changed or told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from penstock.pipeline.guarding import aside
from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import DONE, FINISH, ROLE, Upstream, chunk, events, reply


async def no_wait(_: float) -> None:
    return None


@pytest.fixture(scope="module")
def gateway() -> Iterator[RunningGateway]:
    with running_gateway(load({}, {"PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent")), sleep=no_wait) as running:
        yield running


def answer(text: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]}).encode()


def shadow(check: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**check, "mode": "shadow", "id": "s", **more}


WORDS = {"default.contains": {"words": ["bad"], "operator": "none"}}
REPLACE = {"default.regexReplace": {"rule": "/bad/g"}}


def ask(
    gateway: RunningGateway, upstream: Upstream, config: dict[str, Any], text: str, *, stream: bool = False
) -> httpx.Response:
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": text}], "stream": stream}
    headers = {"x-portkey-config": json.dumps({**target, **config})}
    gateway.recorded()
    return httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=headers, timeout=300, trust_env=False)


def verdicts(gateway: RunningGateway) -> list[tuple[str, str]]:
    return [(each.check, each.verdict) for record in gateway.recorded() for each in record.guards]


@pytest.mark.parametrize(
    ("hook", "verdict"),
    [
        (shadow(WORDS, deny=True), ("default.contains", "would_deny")),
        (shadow(WORDS), ("default.contains", "would_fail")),
        (shadow(REPLACE), ("default.regexReplace", "would_change")),
    ],
)
@pytest.mark.parametrize("key", ["input_guardrails", "output_guardrails", "input_mutators", "output_mutators"])
def test_a_shadow_decides_nothing(
    gateway: RunningGateway, upstream: Upstream, key: str, hook: dict[str, Any], verdict: tuple[str, str]
) -> None:
    upstream.play(reply(200, answer("a bad answer")))
    got = ask(gateway, upstream, {key: [hook]}, "a bad question")
    assert got.status_code == 200
    assert "hook_results" not in got.json()
    assert got.json()["choices"][0]["message"]["content"] == "a bad answer"
    assert upstream.received[0].json["messages"][0]["content"] == "a bad question"
    assert verdicts(gateway) == [verdict]


def test_a_stream_is_not_held_for_a_shadow(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(ROLE, chunk({"content": "a ba"}), chunk({"content": "d answer"}), FINISH, DONE))
    got = ask(gateway, upstream, {"output_guardrails": [shadow(WORDS, deny=True)]}, "hi", stream=True)
    assert got.status_code == 200
    assert [text in got.text for text in ("a ba", "d answer", "hook_results")] == [True, True, False]
    assert verdicts(gateway) == [("default.contains", "would_deny")]


def test_a_shadow_beside_a_guard_that_denies(gateway: RunningGateway, upstream: Upstream) -> None:
    config = {"input_guardrails": [shadow(WORDS), {**WORDS, "id": "real", "deny": True}]}
    got = ask(gateway, upstream, config, "bad")
    assert got.status_code == 446
    assert [hook["id"] for hook in got.json()["hook_results"]["before_request_hooks"]] == ["real"]
    assert sorted(verdicts(gateway)) == [("default.contains", "denied"), ("default.contains", "would_fail")]


@pytest.mark.parametrize(("sample", "number"), [(0, 0), (1, 3)])
def test_a_share_of_the_requests(gateway: RunningGateway, upstream: Upstream, sample: int, number: int) -> None:
    found = 0
    for _ in range(3):
        upstream.play(reply(200, answer("hi")))
        ask(gateway, upstream, {"input_guardrails": [shadow(WORDS, sample=sample)]}, "bad")
        found += len(verdicts(gateway))
    assert found == number


@pytest.mark.parametrize("key", ["input_guardrails", "output_guardrails"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_share_of_some_requests(
    gateway: RunningGateway, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, key: str, stream: bool
) -> None:
    """Each request is drawn for itself, whatever it is, and those that are not drawn pass as they are."""
    drawn = iter([0.1, 0.9, 0.49, 0.5])
    monkeypatch.setattr(aside, "random", SimpleNamespace(random=lambda: next(drawn)))
    found = []
    for _ in range(4):
        bad = events(ROLE, chunk({"content": "bad"}), FINISH, DONE)
        upstream.play(bad if stream else reply(200, answer("bad")))
        got = ask(gateway, upstream, {key: [shadow(WORDS, deny=True, sample=0.5)]}, "bad", stream=stream)
        assert (got.status_code, "hook_results" in got.text) == (200, False)
        found.append(verdicts(gateway))
    judged = [("default.contains", "would_deny")]
    assert found == [judged, [], judged, []]


@pytest.mark.parametrize("stream", [False, True])
def test_a_shadow_beside_guards_that_pass_at_a_glance(
    gateway: RunningGateway, upstream: Upstream, stream: bool
) -> None:
    """What is told and given out is theirs alone, in both phases."""
    fine: dict[str, Any] = {"contains": {"words": ["awful"], "operator": "none"}, "id": "real", "deny": True}
    config = {key: [fine, shadow(WORDS, deny=True)] for key in ("input_guardrails", "output_guardrails")}
    said = events(ROLE, chunk({"content": "a ba"}), chunk({"content": "d answer"}), FINISH, DONE)
    upstream.play(said if stream else reply(200, answer("a bad answer")))
    got = ask(gateway, upstream, config, "a bad question", stream=stream)
    assert got.status_code == 200
    assert verdicts(gateway) == [("default.contains", "would_deny")] * 2
    if stream:
        assert "d answer" in got.text
    else:
        told = got.json()["hook_results"]
        assert [[hook["id"] for hook in hooks] for hooks in told.values()] == [["real"], ["real"]]


def test_a_guard_that_is_off(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, answer("hi")))
    got = ask(gateway, upstream, {"input_guardrails": [{**WORDS, "deny": True, "mode": "off"}]}, "bad")
    assert (got.status_code, verdicts(gateway)) == (200, [])
    got = ask(gateway, upstream, {"input_guardrails": [{"unknown": {}, "mode": "off"}]}, "bad")
    assert got.status_code == 400


@pytest.mark.parametrize(
    "more", [{"mode": "quiet"}, {"sample": 0.5}, {"mode": "shadow", "sample": 2}, {"mode": "shadow", "sample": "much"}]
)
def test_what_is_refused(gateway: RunningGateway, upstream: Upstream, more: dict[str, Any]) -> None:
    got = ask(gateway, upstream, {"input_guardrails": [{**WORDS, **more}]}, "hi")
    assert (got.status_code, upstream.received) == (400, [])
