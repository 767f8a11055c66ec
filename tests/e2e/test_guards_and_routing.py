"""Guards among retries, conditions and other targets, their time limits, and what the operator sets for all of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import DONE, FINISH, ROLE, Upstream, chunk, events, held, reply, send

PASSES = b'{"verdict": true}'
CANARY = "canary-4711"


async def no_wait(_: float) -> None:
    return None


def opened(tmp_path: Path | None = None, text: str = "") -> Any:
    """A gateway, with settings from a file where a test has some."""
    environment = {"PENSTOCK_ACCESS_LOG": "false"}
    if tmp_path is None:
        return running_gateway(load({}, environment, Path("/nonexistent")), sleep=no_wait)
    (tmp_path / "penstock.toml").write_text(text)
    return running_gateway(load({}, environment, tmp_path), tmp_path / "penstock.toml", sleep=no_wait)


@pytest.fixture(scope="module")
def gateway() -> Iterator[RunningGateway]:
    with opened() as running:
        yield running


def completion(text: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]}).encode()


def target_of(upstream: Upstream, **members: Any) -> dict[str, Any]:
    return {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1", **members}


def webhook(hooks: Upstream, **parameters: Any) -> dict[str, Any]:
    return {"default.webhook": {"webhookURL": hooks.url, **parameters}}


def ask(
    gateway: RunningGateway,
    config: dict[str, Any],
    text: str = "Hello",
    *,
    fields: dict[str, str] | None = None,
    **members: Any,
) -> httpx.Response:
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": text}], **members}
    headers = {"x-portkey-config": json.dumps(config), **(fields or {})}
    return httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=headers, timeout=300, trust_env=False)


def checks_of(got: httpx.Response, phase: str = "before") -> list[dict[str, Any]]:
    [hook] = got.json()["hook_results"][f"{phase}_request_hooks"]
    return list(hook["checks"])


def test_a_request_is_judged_once_for_a_target_however_often_it_is_asked(
    gateway: RunningGateway, upstream: Upstream, hooks: Upstream
) -> None:
    hooks.play(reply(200, PASSES))
    for status in (500, 500):
        upstream.play(reply(status, b"{}"))
    config = target_of(upstream, input_guardrails=[webhook(hooks)], retry={"attempts": 2})
    assert ask(gateway, config).status_code == 200
    assert (len(hooks.received), len(upstream.received)) == (1, 3)


def test_each_attempts_answer_is_judged(gateway: RunningGateway, upstream: Upstream, hooks: Upstream) -> None:
    hooks.play(reply(200, b'{"verdict": false}'))
    hooks.play(reply(200, PASSES))
    config = target_of(
        upstream,
        output_guardrails=[{**webhook(hooks), "deny": True}],
        retry={"attempts": 1, "on_status_codes": [446]},
    )
    got = ask(gateway, config)
    assert (got.status_code, len(hooks.received)) == (200, 2)
    assert [check["verdict"] for check in checks_of(got, "after")] == [True]


def test_conditions_read_what_the_caller_sent(gateway: RunningGateway, upstream: Upstream, hooks: Upstream) -> None:
    changed = {"model": "changed", "messages": [{"role": "user", "content": "x"}]}
    hooks.play(reply(200, json.dumps({"verdict": True, "transformedData": {"request": {"json": changed}}}).encode()))
    condition = {"query": {"params.model": {"$eq": "gpt-x"}}, "then": "a"}
    config = {
        "strategy": {"mode": "conditional", "conditions": [condition], "default": "b"},
        "targets": [target_of(upstream, name="a"), {"provider": "openai", "api_key": "k", "name": "b"}],
        "input_mutators": [webhook(hooks)],
    }
    assert ask(gateway, config).status_code == 200
    assert upstream.last.json["model"] == "changed"


def test_a_denial_leads_to_no_other_target_of_a_load_balancer(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, completion("bad")))
    denies = {"contains": {"words": ["bad"], "operator": "none"}, "deny": True}
    config = {
        "strategy": {"mode": "loadbalance"},
        "targets": [target_of(upstream, weight=1), target_of(upstream, weight=1)],
        "output_guardrails": [denies],
    }
    assert (ask(gateway, config).status_code, len(upstream.received)) == (446, 1)


def test_a_stream_that_a_guard_cuts_is_no_failure_of_its_target(gateway: RunningGateway, upstream: Upstream) -> None:
    first, rest = chunk({"content": "fine so far, "}), chunk({"content": "bad words, and more"})
    denies = {"contains": {"words": ["bad words"], "operator": "none"}, "deny": True, "stream": "hold"}
    breaker = {"failure_threshold": 1, "cooldown_interval": 600_000}
    config = {
        "strategy": {"mode": "fallback", "cb_config": breaker},
        "targets": [target_of(upstream, output_guardrails=[denies]), {"provider": "echo"}],
    }
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    headers = {"x-portkey-config": json.dumps(config)}
    gateway.recorded()
    for _ in range(2):
        release = threading.Event()
        upstream.play(events(ROLE, first, end=False), held(release), send(b"%x\r\n%b\r\n" % (len(rest), rest)))
        url = f"{gateway.v1}/chat/completions"
        with httpx.stream("POST", url, json=body, headers=headers, timeout=300, trust_env=False) as got:
            assert (got.status_code, got.headers["x-portkey-last-used-option-index"]) == (200, "config.targets[0]")
            release.set()
            text = got.read().decode()
        assert ("bad" in text, "hooks_failed" in text, "[DONE]" in text) == (False, True, False)
    for record in gateway.recorded():
        assert (record.failure, [attempt.failure for attempt in record.attempts]) == ("hooks_failed", ["hooks_failed"])


def test_a_check_that_was_given_up_judges_the_next_target(
    gateway: RunningGateway, upstream: Upstream, hooks: Upstream
) -> None:
    """A denial by another guard of the first target ends it before it has judged."""
    release = threading.Event()
    hooks.play(held(release))
    hooks.play(reply(200, b'{"verdict": false}'))
    asks = {**webhook(hooks), "id": "asks", "deny": True}
    denies = {"contains": {"words": ["bad"], "operator": "none"}, "deny": True}
    targets = [target_of(upstream, input_guardrails=each) for each in ([asks, denies], [asks])]
    got = ask(gateway, {"strategy": {"mode": "fallback"}, "targets": targets}, "bad")
    release.set()
    [check] = checks_of(got)
    assert (got.status_code, check["verdict"], upstream.received) == (446, False, [])


def test_a_check_of_a_mutator_may_be_off(gateway: RunningGateway, upstream: Upstream) -> None:
    off = {"regexReplace": {"rule": "/Hello/g", "is_enabled": False}, "addPrefix": {"prefix": "> "}}
    got = ask(gateway, target_of(upstream, input_mutators=[off]))
    assert [check["id"] for check in checks_of(got)] == ["default.addPrefix"]
    assert upstream.last.json["messages"][0]["content"] == "> Hello"


@pytest.mark.parametrize(("fails", "status"), [(False, 200), (True, 446)])
def test_a_guard_has_a_time_limit_of_its_own(
    gateway: RunningGateway, upstream: Upstream, hooks: Upstream, fails: bool, status: int
) -> None:
    release = threading.Event()
    hooks.play(held(release))
    guard = {**webhook(hooks, timeout=60_000, failOnError=fails), "timeout": 50, "deny": True}
    got = ask(gateway, target_of(upstream, input_guardrails=[guard]))
    release.set()
    [check] = checks_of(got)
    assert (got.status_code, check["error"]["name"], check["fail_on_error"]) == (status, "TimeoutError", fails)


def test_a_webhook_without_a_verdict_decides_nothing(
    gateway: RunningGateway, upstream: Upstream, hooks: Upstream
) -> None:
    hooks.play(reply(200, b'{"data": {"a": 1}}'))
    got = ask(gateway, target_of(upstream, input_guardrails=[{**webhook(hooks), "deny": True}]))
    [check] = checks_of(got)
    assert (got.status_code, check["verdict"]) == (200, False)
    assert check["error"]["message"]


def test_an_answer_that_does_not_come_tells_the_requests_hooks(gateway: RunningGateway, upstream: Upstream) -> None:
    release = threading.Event()
    upstream.play(held(release))
    guard = {"contains": {"words": ["bad"], "operator": "none"}}
    got = ask(gateway, target_of(upstream, input_guardrails=[guard], request_timeout=100))
    release.set()
    assert got.status_code == 408
    assert list(got.json())[-1] == "hook_results"
    assert [check["verdict"] for check in checks_of(got)] == [True]


def test_what_the_operator_sets_for_errors(upstream: Upstream, tmp_path: Path) -> None:
    unreachable = {"webhook": {"webhookURL": "http://10.0.0.1/"}, "deny": True}
    with opened(tmp_path, '[guards]\non_error = "fail"\n') as gateway:
        assert ask(gateway, target_of(upstream, input_guardrails=[unreachable])).status_code == 446
        lenient = {"webhook": {"webhookURL": "http://10.0.0.1/", "failOnError": False}, "deny": True}
        assert ask(gateway, target_of(upstream, input_guardrails=[lenient])).status_code == 200


@pytest.mark.parametrize(
    ("excerpts", "before", "after"), [("own", True, False), ("always", True, True), ("never", False, False)]
)
def test_what_the_operator_lets_results_quote(
    upstream: Upstream, tmp_path: Path, excerpts: str, before: bool, after: bool
) -> None:
    match = {"regexMatch": {"rule": "canary-\\d+", "not": True}, "deny": True}
    with opened(tmp_path, f'[guards]\nexcerpts = "{excerpts}"\n') as gateway:
        got = ask(gateway, target_of(upstream, input_guardrails=[match]), CANARY)
        assert (got.status_code, CANARY in got.text) == (446, before)
        upstream.play(reply(200, completion(CANARY)))
        got = ask(gateway, target_of(upstream, output_guardrails=[match]))
        assert (got.status_code, CANARY in got.text) == (446, after)
        [check] = checks_of(got, "after")
        assert {"matchDetails", "textExcerpt"} <= check["data"].keys()


@pytest.mark.parametrize(
    ("excerpts", "before", "after"), [("own", True, False), ("always", True, True), ("never", False, False)]
)
def test_what_results_quote_where_a_stream_is_denied(
    upstream: Upstream, tmp_path: Path, excerpts: str, before: bool, after: bool
) -> None:
    """In its midst, and in a completion that tells the denial."""
    marks = {"regexMatch": {"rule": "own-\\d+", "not": True}}
    denies = {"regexMatch": {"rule": "canary-\\d+", "not": True}, "deny": True, "stream": "window", "id": "my-guard"}
    loose = {"x-portkey-strict-open-ai-compliance": "false"}
    fine = chunk({"content": "A fine beginning of an answer. " * 1000})
    with opened(tmp_path, f'[guards]\nexcerpts = "{excerpts}"\nreason_in_message = true\n') as gateway:
        upstream.play(events(ROLE, *[fine] * 60, chunk({"content": CANARY}), FINISH, DONE))
        config = target_of(upstream, input_guardrails=[marks], output_guardrails=[denies])
        got = ask(gateway, config, "own-1", fields=loose, stream=True)
        error = json.loads(got.text.rstrip().rpartition("data: ")[2])
        results = error["hook_results"]
        assert ("own-1" in json.dumps(results), CANARY in json.dumps(results)) == (before, after)
        assert "my-guard (default.regexMatch)" in error["error"]["message"]
        soft = {**marks, "deny": True, "soft_deny_200": True}
        got = ask(gateway, target_of(upstream, input_guardrails=[soft]), "own-1", fields=loose, stream=True)
        assert (got.status_code, "own-1" in got.text) == (200, before)
        assert '"after_request_hooks":[]' in got.text


def test_requests_bring_no_guards_of_their_own_keys(gateway: RunningGateway, upstream: Upstream) -> None:
    """Portkey overwrites them, so that they protect nothing: whoever writes them should know."""
    guard = [{"contains": {"words": ["bad"], "operator": "none"}}]
    for name in ("default_input_guardrails", "default_output_guardrails"):
        got = ask(gateway, target_of(upstream, **{name: guard}))
        assert (got.status_code, got.json()["error"]["param"]) == (400, f"config.{name}")


def test_the_header_of_a_denied_request(gateway: RunningGateway, upstream: Upstream) -> None:
    guard = {"contains": {"words": ["Hello"], "operator": "none"}, "deny": True}
    got = ask(gateway, target_of(upstream, input_guardrails=[guard], cache={"mode": "simple"}))
    assert (got.status_code, got.headers["content-type"]) == (446, "application/json")
    assert got.headers["x-portkey-trace-id"]
    assert "x-portkey-cache-status" not in got.headers


LOCAL: dict[str, Any] = {"contains": {"words": ["bad"], "operator": "none"}, "regexMatch": {"rule": "\\d", "not": True}}


@pytest.mark.parametrize("way", ["retry", "fallback", "fallback to a stricter target"])
def test_a_request_that_passed_at_a_glance_is_told_and_counted_once(
    upstream: Upstream, tmp_path: Path, way: str
) -> None:
    """The first attempt makes no more of such a request than what it tells; further ones need the rest."""
    guard = {**LOCAL, "deny": True, "id": "100%s"}
    stricter = {"contains": {"words": ["Hello"], "operator": "none"}, "deny": True}
    second = target_of(upstream, **({"input_guardrails": [stricter]} if way.endswith("stricter target") else {}))
    config: dict[str, Any] = {"input_guardrails": [guard]}
    if way == "retry":
        config |= target_of(upstream, retry={"attempts": 2})
    else:
        config |= {"strategy": {"mode": "fallback"}, "targets": [target_of(upstream), second]}
    upstream.play(reply(500, b'{"error": {"message": "down"}}'))
    with opened(tmp_path, "[metrics]\nopen = true\n") as gateway:
        got = ask(gateway, config)
        metrics = httpx.get(f"{gateway.url}/metrics", trust_env=False, timeout=300).text
    is_denied = way.endswith("stricter target")
    assert (got.status_code, len(upstream.received)) == ((446, 1) if is_denied else (200, 2))
    assert [check["verdict"] for check in checks_of(got)] == ([False] if is_denied else [True, True])
    assert 'check="default.regexMatch",verdict="passed"} 1' in metrics
    assert f'check="default.contains",verdict="{"denied" if is_denied else "passed"}"}} 1' in metrics


@pytest.mark.parametrize("content", ["Hello there", "a bad word", None, ""])
@pytest.mark.parametrize("guards", ["input_guardrails output_guardrails", "output_guardrails"])
def test_a_glance_at_an_answer_tells_what_a_look_tells(
    gateway: RunningGateway, upstream: Upstream, content: str | None, guards: str
) -> None:
    """A member that says nothing keeps an answer from passing at a glance."""
    config = {name: [{**LOCAL, "deny": True, "id": f"my-{name}"}] for name in guards.split()}
    told = []
    for more in ({}, {"audio": {"id": "1"}}):
        message = {"role": "assistant", "content": content, **more}
        body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}  # fmt: skip
        upstream.play(reply(200, json.dumps(body).encode()))
        got = ask(gateway, target_of(upstream, **config))
        hooks = got.json()["hook_results"]
        for hook in (*hooks["before_request_hooks"], *hooks["after_request_hooks"]):
            for each in (hook, *hook["checks"]):
                assert each.pop("created_at", "Z").endswith("Z")
                each.pop("execution_time", None)
        told.append((got.status_code, hooks))
    assert told[0] == told[1]
    assert told[0][0] == (446 if content == "a bad word" else 200)
    assert len(told[0][1]["before_request_hooks"]) == len(guards.split()) - 1


def test_an_answer_that_has_to_be_looked_at_is_told_with_its_request(
    gateway: RunningGateway, upstream: Upstream
) -> None:
    guard = {**LOCAL, "id": "g"}
    upstream.play(reply(200, completion("a bad word 1")))
    got = ask(gateway, target_of(upstream, input_guardrails=[guard], output_guardrails=[guard]))
    hooks = got.json()["hook_results"]
    assert got.status_code == 246
    assert [check["verdict"] for check in hooks["before_request_hooks"][0]["checks"]] == [True, True]
    assert [check["verdict"] for check in hooks["after_request_hooks"][0]["checks"]] == [False, False]


def test_a_glance_tells_what_a_look_tells(gateway: RunningGateway, upstream: Upstream) -> None:
    """A member that says nothing keeps a request from passing at a glance."""
    guard = {**LOCAL, "deny": True, "id": "100%s", "on_success": {"feedback": {"value": 5, "metadata": {"a": "é%"}}}}
    told = []
    bodies: tuple[dict[str, Any], ...] = {}, {"documents": []}
    for more in bodies:
        for text in ("Hello", "", "so %s and %b\u2028", "é" * 120):
            got = ask(gateway, target_of(upstream, input_guardrails=[guard]), text, **more).json()
            for each in (hooks := got["hook_results"]["before_request_hooks"]), *[hook["checks"] for hook in hooks]:
                for one in each:
                    assert one.pop("created_at").endswith("Z")
                    one.pop("execution_time")
            told.append(json.dumps(got))
    assert told[:4] == told[4:]
