"""A model as judge, over real sockets: who is asked, what that costs, and that no guard judges a judge's question."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import Upstream, reply, running_upstream, wait_for_hang_up

POLICY = "No talk of money."
SAFE, UNSAFE = '{"verdict": "safe"}', '{"verdict": "unsafe", "categories": []}'
KEY, JUDGES_KEY = "pk-caller-of-the-gateway", "key-of-the-judge"


@pytest.fixture
def judge() -> Iterator[Upstream]:
    with running_upstream() as running:
        yield running


def polite(judge: Upstream) -> str:
    """A guard of the operator's that asks a model at ``judge``, as penstock.toml has it."""
    return f"""
[configs.judges]
provider = "openai"
api_key = "{JUDGES_KEY}"
custom_host = "{judge.url}/v1"

[guardrails.polite]
checks = [{{ id = "penstock.judge", parameters = {{ config = "judges", model = "small", policy = "{POLICY}" }} }}]
deny = true
"""


@pytest.fixture
def gateway(judge: Upstream, tmp_path: Path) -> Iterator[RunningGateway]:
    """A gateway with a key that may use nothing but what it brings, and a guard of the operator's that asks a model."""
    file = tmp_path / "penstock.toml"
    file.write_text(f"""
[keys.app]
hash = "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"
configs = []
hosts = ["127.0.0.1"]

{polite(judge)}""")
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_STORE_DATABASE": "none"}
    with running_gateway(load({}, environment, tmp_path), file) as running:
        yield running


def completion(text: str, finish: str = "stop") -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    return json.dumps(
        {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    ).encode()


def ask(gateway: RunningGateway, upstream: Upstream, config: dict[str, Any], **more: Any) -> httpx.Response:
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    headers = {"x-portkey-config": json.dumps({**target, **config}), "x-portkey-api-key": KEY}
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hello"}], **more}
    return httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=headers, timeout=300, trust_env=False)


def test_the_judge_lets_pass(gateway: RunningGateway, upstream: Upstream, judge: Upstream) -> None:
    judge.play(reply(200, completion(SAFE)))
    got = ask(gateway, upstream, {"input_guardrails": ["polite"]})
    assert got.status_code == 200
    [received] = judge.received
    assert received.headers["authorization"] == f"Bearer {JUDGES_KEY}"
    asked = json.loads(received.body)
    assert asked["model"] == "small"
    assert POLICY in asked["messages"][0]["content"]
    [hook] = got.json()["hook_results"]["before_request_hooks"]
    assert hook["checks"][0]["data"]["usage"] == {"prompt_tokens": 7, "completion_tokens": 2}
    assert len(upstream.received) == 1


def test_the_judge_denies(gateway: RunningGateway, upstream: Upstream, judge: Upstream) -> None:
    judge.play(reply(200, completion(UNSAFE)))
    got = ask(gateway, upstream, {"input_guardrails": ["polite"]})
    assert got.status_code == 446
    assert upstream.received == []


def test_an_answer_is_judged(gateway: RunningGateway, upstream: Upstream, judge: Upstream) -> None:
    judge.play(reply(200, completion(UNSAFE)))
    upstream.play(reply(200, completion("Buy gold.")))
    assert ask(gateway, upstream, {"output_guardrails": ["polite"]}).status_code == 446
    assert "Buy gold." in json.loads(judge.last.body)["messages"][1]["content"]


@pytest.mark.parametrize(
    "bad",
    [
        reply(200, completion("It is fine.")),
        reply(200, completion(SAFE, finish="length")),
        reply(200, b"{}"),
        reply(400, b'{"error": {"message": "no such model"}}'),
    ],
)
def test_a_judge_without_a_verdict(gateway: RunningGateway, upstream: Upstream, judge: Upstream, bad: Any) -> None:
    """It lets pass, unless its guard says that errors fail."""
    judge.play(bad, bad)
    got = ask(gateway, upstream, {"input_guardrails": ["polite"]})
    assert got.status_code == 200
    [check] = got.json()["hook_results"]["before_request_hooks"][0]["checks"]
    assert (check["verdict"], "error" in check) == (False, True)
    inline = {"config": {"provider": "openai", "api_key": "k", "custom_host": f"{judge.url}/v1"}, "model": "m"}
    strict = {"penstock.judge": {**inline, "policy": POLICY, "failOnError": True}, "deny": True}
    assert ask(gateway, upstream, {"input_guardrails": [strict]}).status_code == 446


def test_a_judge_that_is_late(gateway: RunningGateway, upstream: Upstream, judge: Upstream) -> None:
    judge.play(wait_for_hang_up)
    inline = {"config": {"provider": "openai", "api_key": "k", "custom_host": f"{judge.url}/v1"}, "model": "m"}
    strict = {"penstock.judge": {**inline, "policy": POLICY, "failOnError": True, "timeout": 100}, "deny": True}
    got = ask(gateway, upstream, {"input_guardrails": [strict]})
    assert got.status_code == 446
    [check] = got.json()["hook_results"]["before_request_hooks"][0]["checks"]
    assert check["error"]["name"] == "TimeoutError"


def test_a_caller_who_leaves_ends_the_question(gateway: RunningGateway, upstream: Upstream, judge: Upstream) -> None:
    left = threading.Event()

    async def act(reader: Any, writer: Any) -> None:
        await wait_for_hang_up(reader, writer)
        left.set()

    judge.play(act)
    caller = threading.Thread(target=lambda: _given_up(gateway, upstream))
    caller.start()
    assert left.wait(300)
    caller.join()
    assert upstream.received == []


def _given_up(gateway: RunningGateway, upstream: Upstream) -> None:
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    headers = {
        "x-portkey-config": json.dumps({**target, "input_guardrails": ["polite"]}),
        "x-portkey-api-key": KEY,
    }
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hello"}]}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=headers, timeout=0.5, trust_env=False)


def test_a_caller_uses_no_target_of_the_operators(gateway: RunningGateway, upstream: Upstream, judge: Upstream) -> None:
    """The guard of a caller's config asks only whom the caller may ask."""
    own = {
        "penstock.judge": {"config": "judges", "model": "small", "policy": POLICY, "failOnError": True},
        "deny": True,
    }
    got = ask(gateway, upstream, {"input_guardrails": [own]})
    assert got.status_code == 446
    assert judge.received == []


def test_a_saved_config_must_be_there(gateway: RunningGateway, upstream: Upstream) -> None:
    got = ask(gateway, upstream, {"input_guardrails": [{"penstock.judge": {"config": "none", "policy": POLICY}}]})
    assert got.status_code == 400
    assert "penstock.judge.config" in got.text


def test_no_guard_judges_a_judges_question(upstream: Upstream, judge: Upstream, tmp_path: Path) -> None:
    """Its own guard, which holds for every request, would ask without an end."""
    file = tmp_path / "penstock.toml"
    file.write_text(f"""
[guards]
default_input = ["polite"]

{polite(judge)}""")
    settings = load({}, {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_STORE_DATABASE": "none"}, tmp_path)
    with running_gateway(settings, file) as running:
        judge.play(reply(200, completion(SAFE)))
        target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
        assert ask(running, upstream, target).status_code == 200
        assert len(judge.received) == 1
    paths = {record.path: record for record in running.records.take()}
    question = paths["/penstock/judge"]
    assert (question.status, question.provider, question.model) == (200, "openai", "small")
    assert question.usage is not None
    assert question.usage.prompt == 7
    assert question.trace_id == paths["/v1/chat/completions"].trace_id
