"""Guards in parallel with the model: the provider works while they judge, and nothing leaves before their verdict."""

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
from upstream import DONE, FINISH, ROLE, Upstream, chunk, events, held, reply, running_upstream, wait_for_hang_up

CANARY, KEY = "canary-4711", "pk-caller-of-the-gateway"
PASS, DENY = reply(200, b'{"verdict": true}'), reply(200, b'{"verdict": false}')


@pytest.fixture
def judge() -> Iterator[Upstream]:
    """A webhook."""
    with running_upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gateway() -> Iterator[RunningGateway]:
    with running_gateway(load({}, {"PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent"))) as running:
        yield running


def answer(text: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    return json.dumps(
        {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}
    ).encode()


def guard(judge: Upstream, **more: Any) -> dict[str, Any]:
    return {"default.webhook": {"webhookURL": f"{judge.url}/hook", "timeout": 60_000}, "parallel": True, **more}


def ask(gateway: RunningGateway, upstream: Upstream, hooks: list[Any], **more: Any) -> httpx.Response:
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1", "input_guardrails": hooks}
    config = {**target, **more.pop("config", {})}
    headers = {"x-portkey-config": json.dumps(config), **more.pop("headers", {})}
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hello"}], **more}
    return httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=headers, timeout=300, trust_env=False)


class Asking(threading.Thread):
    """A request that is answered in time; ``got`` is its answer."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__()
        self._arguments, self._more = arguments, more
        self.got: httpx.Response | None = None
        self.start()

    def run(self) -> None:
        self.got = ask(*self._arguments, **self._more)

    def answer(self) -> httpx.Response:
        self.join(300)
        assert self.got is not None
        return self.got


def test_the_provider_works_while_a_guard_judges(gateway: RunningGateway, upstream: Upstream, judge: Upstream) -> None:
    release = threading.Event()
    judge.play(held(release), PASS)
    upstream.play(reply(200, answer("Hi")))
    asking = Asking(gateway, upstream, [guard(judge, deny=True)])
    upstream.wait_for_request()
    assert asking.is_alive()
    release.set()
    got = asking.answer()
    assert (got.status_code, got.json()["choices"][0]["message"]["content"]) == (200, "Hi")
    assert len(got.json()["hook_results"]["before_request_hooks"]) == 1


def test_a_denial_ends_the_providers_call_at_once(gateway: RunningGateway, upstream: Upstream, judge: Upstream) -> None:
    release = threading.Event()
    judge.play(held(release), DENY)
    upstream.play(wait_for_hang_up)
    asking = Asking(gateway, upstream, [guard(judge, deny=True)])
    upstream.wait_for_request()
    release.set()
    assert asking.answer().status_code == 446
    upstream.left.get(timeout=60)
    assert len(upstream.received) == 1


@pytest.mark.parametrize("streams", [False, True])
def test_nothing_of_a_denied_answer_leaves(
    gateway: RunningGateway, upstream: Upstream, judge: Upstream, streams: bool
) -> None:
    release, sent = threading.Event(), threading.Event()

    async def tell(_: Any, __: Any) -> None:
        sent.set()

    judge.play(held(release), DENY)
    whole = reply(200, answer(CANARY))
    upstream.play(events(ROLE, chunk({"content": CANARY}), FINISH, DONE) if streams else whole, tell)
    asking = Asking(gateway, upstream, [guard(judge, deny=True)], stream=streams)
    assert sent.wait(300)
    assert asking.is_alive()
    release.set()
    got = asking.answer()
    assert got.status_code == 446
    assert CANARY not in got.text
    assert got.json()["hook_results"]["before_request_hooks"][0]["deny"]


def test_a_stream_that_passes_is_whole(gateway: RunningGateway, upstream: Upstream, judge: Upstream) -> None:
    judge.play(PASS)
    upstream.play(events(ROLE, chunk({"content": "one "}), chunk({"content": "two"}), FINISH, DONE))
    got = ask(gateway, upstream, [guard(judge, deny=True)], stream=True)
    assert got.status_code == 200
    assert got.text.index("one ") < got.text.index("two") < got.text.index("[DONE]")


def test_a_false_verdict_without_deny_marks(gateway: RunningGateway, upstream: Upstream, judge: Upstream) -> None:
    judge.play(DENY)
    assert ask(gateway, upstream, [guard(judge)]).status_code == 246


def test_a_denied_request_asks_no_further_target_that_inherits(
    gateway: RunningGateway, upstream: Upstream, judge: Upstream
) -> None:
    """The second target's request is denied without being sent: the verdict is known."""
    judge.play(DENY)
    one = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    several = {"strategy": {"mode": "fallback"}, "targets": [one, one]}
    got = ask(gateway, upstream, [guard(judge, deny=True)], config=several)
    assert got.status_code == 446
    assert len(judge.received) == 1


def test_other_guards_judge_first(gateway: RunningGateway, upstream: Upstream, judge: Upstream) -> None:
    first = {"default.contains": {"words": ["Hello"], "operator": "none"}, "deny": True}
    got = ask(gateway, upstream, [guard(judge, id="late", deny=True), {**first, "id": "early"}])
    assert got.status_code == 446
    late, early = got.json()["hook_results"]["before_request_hooks"]
    assert late == {"id": "late", "type": "guardrail", "skipped": True}
    assert early["deny"]
    assert (upstream.received, judge.received) == ([], [])


def test_results_stand_in_the_configs_order(gateway: RunningGateway, upstream: Upstream, judge: Upstream) -> None:
    judge.play(PASS)
    masks = {"default.regexReplace": {"rule": "Hello", "redactText": "Hi"}, "id": "mask"}
    got = ask(gateway, upstream, [guard(judge, id="late"), masks])
    assert [each["id"] for each in got.json()["hook_results"]["before_request_hooks"]] == ["late", "mask"]
    assert json.loads(judge.last.body)["request"]["text"] == "Hi"
    assert json.loads(upstream.last.body)["messages"][0]["content"] == "Hi"


def test_a_change_that_comes_too_late_is_an_error(gateway: RunningGateway, upstream: Upstream, judge: Upstream) -> None:
    new = {"model": "gpt-x", "messages": [{"role": "user", "content": "Bye"}]}
    judge.play(reply(200, json.dumps({"verdict": True, "transformedData": {"request": {"json": new}}}).encode()))
    got = ask(gateway, upstream, [guard(judge, deny=True)])
    [check] = got.json()["hook_results"]["before_request_hooks"][0]["checks"]
    assert "parallel" in check["error"]["message"]
    assert json.loads(upstream.last.body)["messages"][0]["content"] == "Hello"


def test_a_caller_who_leaves_ends_both(gateway: RunningGateway, upstream: Upstream, judge: Upstream) -> None:
    judge.play(wait_for_hang_up)
    upstream.play(wait_for_hang_up)
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    headers = {"x-portkey-config": json.dumps({**target, "input_guardrails": [guard(judge, deny=True)]})}
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hello"}]}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=headers, timeout=0.5, trust_env=False)
    upstream.left.get(timeout=60)
    judge.left.get(timeout=60)


def test_a_call_that_was_cut_is_paid_for(upstream: Upstream, judge: Upstream, tmp_path: Path) -> None:
    """The provider bills the prompt of a call that is ended: the attempt's account has an estimate of it."""
    file = tmp_path / "penstock.toml"
    file.write_text(f"""
[keys.app]
hash = "sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"
hosts = ["127.0.0.1"]
rate_limits = [{{ type = "tokens", unit = "rpm", value = 100000 }}]
""")
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_STORE_DATABASE": "none"}
    release = threading.Event()
    judge.play(held(release), DENY)
    upstream.play(wait_for_hang_up)
    with running_gateway(load({}, environment, tmp_path), file) as gateway:
        asking = Asking(gateway, upstream, [guard(judge, deny=True)], headers={"x-portkey-api-key": KEY})
        upstream.wait_for_request()
        release.set()
        assert asking.answer().status_code == 446
    [record] = gateway.records.take()
    [attempt] = record.attempts
    assert attempt.billed is not None
    assert attempt.billed.is_estimated
    assert attempt.billed.usage.prompt
    assert [each.verdict for each in record.guards] == ["denied"]
