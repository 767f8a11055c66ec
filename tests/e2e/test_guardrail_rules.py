"""Rules of guardrails that only the whole gateway shows: forms of configs, results member by member, the cache."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import DONE, FINISH, ROLE, Upstream, chunk, events, held, reply

WORDS: Final[dict[str, Any]] = {"words": ["bad"], "operator": "none"}
LOOSE: Final = {"x-portkey-strict-open-ai-compliance": "false"}


@pytest.fixture(scope="module")
def gateway() -> Iterator[RunningGateway]:
    with running_gateway(load({}, {"PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent"))) as running:
        yield running


def completion(text: str, **message: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": "stop"}
    return json.dumps(
        {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    ).encode()


def ask(gateway: RunningGateway, upstream: Upstream, config: Any, text: str = "Hello", **more: Any) -> httpx.Response:
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    headers = {"x-portkey-config": json.dumps({**target, **config}), **more.pop("headers", {})}
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": text}], **more}
    return httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=headers, timeout=300, trust_env=False)


def timeless(results: Any) -> str:
    """Results as they are written, with other times: the order of members counts."""
    text = json.dumps(results, ensure_ascii=False)
    text, times = re.subn(r'"created_at": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"', '"created_at": ""', text)
    text, durations = re.subn(r'"execution_time": \d+', '"execution_time": 0', text)
    assert times == durations
    return text


def check_result(*, verdict: bool, found: list[str]) -> dict[str, Any]:
    return {
        "data": {"explanation": "", "foundWords": found, "missingWords": [] if found else ["bad"], "operator": "none"},
        "verdict": verdict,
        "id": "default.contains",
        "execution_time": 0,
        "transformed": False,
        "created_at": "",
        "log": None,
        "fail_on_error": False,
    }


def hook_result(identity: str, *, verdict: bool, deny: bool, found: list[str], feedback: Any = None) -> dict[str, Any]:
    return {
        "verdict": verdict,
        "id": identity,
        "transformed": False,
        "checks": [check_result(verdict=verdict, found=found)],
        "feedback": feedback,
        "execution_time": 0,
        "async": False,
        "type": "guardrail",
        "created_at": "",
        "deny": deny,
    }


def told(results: Any) -> str:
    """Results without the sentences, which are no part of what clients read."""
    for phase in ("before_request_hooks", "after_request_hooks"):
        for hook in results.get(phase, ()):
            for check in hook.get("checks", ()):
                assert check["data"]["explanation"]
                check["data"]["explanation"] = ""
    return timeless(results)


GUARDS: Final[dict[str, Any]] = {
    "input_guardrails": [{"contains": WORDS, "on_fail": {"feedback": {"value": -5, "weight": 1}}}],
    "output_guardrails": [{"default.contains": WORDS, "stream": "after"}],
}
FEEDBACK: Final = {
    "value": -5,
    "weight": 1,
    "metadata": {"successfulChecks": "", "failedChecks": "default.contains", "erroredChecks": ""},
}
BEFORE: Final = hook_result("input_guardrail_000", verdict=False, deny=False, found=["bad"], feedback=FEEDBACK)
AFTER: Final = hook_result("output_guardrail_000", verdict=True, deny=False, found=[])


def test_results_of_a_marked_exchange_member_by_member(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, completion("good")))
    got = ask(gateway, upstream, GUARDS, "bad")
    assert (got.status_code, list(got.json())[-1]) == (246, "hook_results")
    expected = {"before_request_hooks": [BEFORE], "after_request_hooks": [AFTER]}
    assert told(got.json()["hook_results"]) == json.dumps(expected)


def test_results_of_a_marked_stream_member_by_member(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(events(ROLE, chunk({"content": "good"}), FINISH, DONE))
    got = ask(gateway, upstream, GUARDS, "bad", stream=True, headers=LOOSE)
    sent = got.text.removesuffix("\n\n").split("\n\n")
    first, last = (json.loads(sent[at].removeprefix("data: ")) for at in (0, -2))
    assert told(first["hook_results"]) == json.dumps({"before_request_hooks": [BEFORE]})
    assert told(last["hook_results"]) == json.dumps({"after_request_hooks": [AFTER]})
    provided = (ROLE, chunk({"content": "good"}), FINISH, DONE)
    assert got.status_code == 246
    assert [f"{each}\n\n" for each in (*sent[1:-2], sent[-1])] == [each.decode() for each in provided]


def test_results_of_a_denied_request_member_by_member(gateway: RunningGateway, upstream: Upstream) -> None:
    config = {"input_guardrails": [{"contains": WORDS, "deny": True}, {"contains": WORDS, "async": True}]}
    expected = {
        "before_request_hooks": [
            hook_result("input_guardrail_000", verdict=False, deny=True, found=["bad"]),
            {"id": "input_guardrail_001", "type": "guardrail", "skipped": True},
        ],
        "after_request_hooks": [],
    }
    for stream in (False, True):
        got = ask(gateway, upstream, config, "bad", stream=stream)
        body = got.json()
        assert (got.status_code, list(body), upstream.received) == (446, ["type", "error", "hook_results"], [])
        assert {**body["error"], "message": ""} == {"message": "", "type": "hooks_failed", "param": None, "code": None}
        assert told(body["hook_results"]) == json.dumps(expected)


def test_an_error_of_a_check_member_by_member(gateway: RunningGateway, upstream: Upstream) -> None:
    config = {"input_guardrails": [{"wordCount": {"minWords": 1}, "deny": True}]}
    got = ask(gateway, upstream, config, "")
    [hook] = got.json()["hook_results"]["before_request_hooks"]
    [check] = hook["checks"]
    assert (got.status_code, hook["verdict"], check["verdict"]) == (200, True, False)
    assert list(check) == [
        "data", "verdict", "id", "error", "execution_time", "transformed", "created_at", "log", "fail_on_error",
    ]  # fmt: skip
    assert list(check["error"]) == ["name", "message"]
    assert all(check["error"].values())


@pytest.mark.parametrize(
    ("hook", "failing"),
    [
        ({"checks": [{"id": "contains", "parameters": WORDS}]}, "default.contains"),
        ({"checks": [{"id": "contains", "parameters": WORDS, "name": "words"}], "name": "mine", "guardrail_version_id": "v"}, "default.contains"),
        ({"checks": [{"id": "CONTAINS", "parameters": WORDS}]}, "default.CONTAINS"),
        ({"checks": [{"id": "regexMatch", "parameters": {"regex": "bad", "not": True}}]}, "default.regexMatch"),
        ({"checks": [{"id": "wordCount", "parameters": {"minWords": "2"}}]}, "default.wordCount"),
        ({"checks": [{"id": "contains", "parameters": WORDS, "isEnabled": True}], "onFail": {}}, "default.contains"),
    ],
)  # fmt: skip
def test_forms_of_the_long_form(
    gateway: RunningGateway, upstream: Upstream, hook: dict[str, Any], failing: str
) -> None:
    """A guard without a type is one; labels are told nowhere; an id is told as it was written."""
    got = ask(gateway, upstream, {"before_request_hooks": [{"id": "g", **hook}]}, "bad")
    [result] = got.json()["hook_results"]["before_request_hooks"]
    assert (got.status_code, result["type"], [each["id"] for each in result["checks"]]) == (246, "guardrail", [failing])
    assert list(result) == list(BEFORE)


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"input_guardrails": {"contains": WORDS}}, "config.input_guardrails"),
        ({"input_guardrails": [None]}, "config.input_guardrails[0]"),
        ({"input_guardrails": [{"contains": None}]}, "config.input_guardrails[0].contains"),
        ({"input_guardrails": [{"contains": WORDS, "deny": "false"}]}, "config.input_guardrails[0].deny"),
        ({"input_guardrails": [{"contians": WORDS}]}, "config.input_guardrails[0].contians"),
        ({"input_guardrails": [{"contains": {"words": ["bad"]}}]}, "config.input_guardrails[0].contains.operator"),
        ({"input_guardrails": [{"contains": WORDS, "on_fail": {"deny": True}}]}, "config.input_guardrails[0].on_fail.deny"),
        ({"input_guardrails": [{"regexMatch": {"rule": "("}}]}, "config.input_guardrails[0].regexMatch.rule"),
        ({"output_guardrails": [{"jsonSchema": {"schema": {"type": "nothing"}}}]}, "config.output_guardrails[0].jsonSchema.schema"),
        ({"before_request_hooks": [{"id": "pg-gone"}]}, "config.before_request_hooks[0]"),
        ({"before_request_hooks": ["pg-gone"]}, "config.before_request_hooks[0]"),
        ({"default_input_guardrails": [{"contains": WORDS}]}, "config.default_input_guardrails"),
        ({"default_output_guardrails": []}, "config.default_output_guardrails"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("nested", [False, True])
def test_what_protects_nobody_is_refused(
    gateway: RunningGateway, upstream: Upstream, config: dict[str, Any], path: str, nested: bool
) -> None:
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    written = {"targets": [{**target, **config}]} if nested else config
    got = ask(gateway, upstream, written)
    expected = path.replace("config.", "config.targets[0].", 1) if nested else path
    assert (got.status_code, got.json()["error"]["param"], upstream.received) == (400, expected, [])


@pytest.mark.parametrize("sequential", [False, True])
def test_a_failure_ends_no_other_check_of_its_guard(
    gateway: RunningGateway, upstream: Upstream, sequential: bool
) -> None:
    checks = {"contains": WORDS, "more": {"id": "wordCount", "minWords": 1}, "last": {"id": "endsWith", "suffix": "d"}}
    got = ask(gateway, upstream, {"input_guardrails": [{**checks, "deny": True, "sequential": sequential}]}, "bad")
    [hook] = got.json()["hook_results"]["before_request_hooks"]
    assert [(each["id"], each["verdict"]) for each in hook["checks"]] == [
        ("default.contains", False), ("default.wordCount", True), ("default.endsWith", True),
    ]  # fmt: skip


@pytest.mark.parametrize("sequential", [False, True])
def test_in_sequence_a_check_sees_what_the_one_before_it_made(
    gateway: RunningGateway, upstream: Upstream, sequential: bool
) -> None:
    checks = {"regexReplace": {"rule": "/bad/g", "redactText": "good"}, "contains": WORDS}
    got = ask(
        gateway, upstream, {"input_guardrails": [{**checks, "deny": True, "sequential": sequential}]}, "a bad word"
    )
    assert got.status_code == (200 if sequential else 446)
    assert [json.loads(each.body)["messages"][0]["content"] for each in upstream.received] == [
        "a good word"
    ] * sequential


def test_a_guard_of_all_targets_is_asked_once(gateway: RunningGateway, upstream: Upstream, hooks: Upstream) -> None:
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    guard = {"webhook": {"webhookURL": hooks.url}, "deny": True}
    hooks.play(reply(200, b'{"verdict": false}'))
    config = {"strategy": {"mode": "fallback"}, "targets": [target] * 3, "input_guardrails": [guard]}
    got = ask(gateway, upstream, config)
    assert (got.status_code, len(hooks.received), upstream.received) == (446, 1, [])


def test_what_a_guard_made_of_a_request_is_made_once(
    gateway: RunningGateway, upstream: Upstream, hooks: Upstream
) -> None:
    """Each target gets it; a target with parameters of its own has another request."""
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    new = {"model": "gpt-x", "messages": [{"role": "user", "content": "new"}]}
    for _ in range(2):
        hooks.play(reply(200, json.dumps({"verdict": True, "transformedData": {"request": {"json": new}}}).encode()))
        upstream.play(reply(500, b"{}"))
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [target, target, {**target, "override_params": {"temperature": 0}}],
        "input_guardrails": [{"webhook": {"webhookURL": hooks.url}}],
    }
    got = ask(gateway, upstream, config, "old")
    assert (got.status_code, len(hooks.received)) == (200, 2)
    assert [json.loads(each.body)["messages"] for each in upstream.received] == [new["messages"]] * 3


def test_guards_with_one_id_are_two(gateway: RunningGateway, upstream: Upstream) -> None:
    config = {"input_guardrails": [{"contains": WORDS, "id": "g"}, {"wordCount": {"maxWords": 5}, "id": "g"}]}
    results = ask(gateway, upstream, config, "bad").json()["hook_results"]["before_request_hooks"]
    assert [(each["id"], each["verdict"]) for each in results] == [("g", False), ("g", True)]


def test_results_are_those_of_the_last_attempt(gateway: RunningGateway, upstream: Upstream) -> None:
    upstream.play(reply(200, completion("bad")))
    upstream.play(reply(200, completion("good")))
    config = {**GUARDS, "retry": {"attempts": 1, "on_status_codes": [246]}}
    got = ask(gateway, upstream, config, "Hello")
    assert (got.status_code, len(upstream.received)) == (200, 2)
    results = got.json()["hook_results"]
    assert [len(each) for each in results.values()] == [1, 1]
    assert results["after_request_hooks"][0]["verdict"] is True


@pytest.mark.parametrize("phase", ["input_guardrails", "output_guardrails"])
def test_a_denial_is_stored_nowhere(gateway: RunningGateway, upstream: Upstream, phase: str) -> None:
    text = f"bad {phase}"
    upstream.play(reply(200, completion("bad")))
    cached = {"cache": {"mode": "simple"}}
    assert ask(gateway, upstream, {**cached, phase: [{"contains": WORDS, "deny": True}]}, text).status_code == 446
    got = ask(gateway, upstream, cached, text)
    assert (got.status_code, got.json()["choices"][0]["message"]["content"]) == (200, "bad")
    assert "hook_results" not in got.json()
    assert len(upstream.received) == 1


def test_the_cache_is_asked_with_what_mutators_made(gateway: RunningGateway, upstream: Upstream) -> None:
    config = {"cache": {"mode": "simple"}, "input_mutators": [{"regexReplace": {"rule": "/[0-9]+/g"}}]}
    assert ask(gateway, upstream, config, "number 1").headers["x-portkey-cache-status"] == "MISS"
    got = ask(gateway, upstream, config, "number 2")
    assert (got.headers["x-portkey-cache-status"], len(upstream.received)) == ("HIT", 1)


def test_a_text_may_become_empty(gateway: RunningGateway, upstream: Upstream) -> None:
    config = {
        "input_guardrails": [{"regexReplace": {"rule": "/.+/g", "redactText": ""}}],
        "output_guardrails": [{"regexReplace": {"rule": "/.+/g", "redactText": ""}}],
    }
    upstream.play(reply(200, completion("secret")))
    got = ask(gateway, upstream, config, "secret")
    assert json.loads(upstream.last.body)["messages"][0]["content"] == ""
    assert got.json()["choices"][0]["message"]["content"] == ""


def test_arguments_of_tools_stay_json(gateway: RunningGateway, upstream: Upstream) -> None:
    arguments = '{"to": "a \\"secret\\"", "n": 1.50}'
    call = {"id": "t", "type": "function", "function": {"name": "send", "arguments": arguments}}
    upstream.play(reply(200, completion("", tool_calls=[call])))
    rule = {"rule": '/"secret"/g', "redactText": '"x"', "kinds": ["tool_call"]}
    got = ask(gateway, upstream, {"output_guardrails": [{"regexReplace": rule}]})
    changed = got.json()["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    assert changed == '{"to": "a \\"x\\"", "n": 1.50}'


CHAT: Final = [
    {"role": "system", "content": "system"},
    {"role": "user", "content": "first"},
    {"role": "assistant", "content": "answer"},
    {"role": "user", "content": "question"},
    {"role": "tool", "tool_call_id": "t", "content": "result"},
]


@pytest.mark.parametrize(
    ("scope", "seen"),
    [
        ({}, ["result"]),
        ({"kinds": ["text", "tool_result"]}, ["result"]),
        ({"scope": "last_user"}, ["question"]),
        ({"scope": "user"}, ["first", "question"]),
        ({"scope": "new", "kinds": ["text", "tool_result"]}, ["question", "result"]),
        ({"scope": "all", "kinds": ["text", "system", "tool_result"]}, ["system", "first", "answer", "question", "result"]),
    ],
)  # fmt: skip
def test_which_texts_are_judged(
    gateway: RunningGateway, upstream: Upstream, scope: dict[str, Any], seen: list[str]
) -> None:
    words = [str(each["content"]) for each in CHAT]
    check = {"contains": {"words": words, "operator": "any", **scope}}
    got = ask(gateway, upstream, {"input_guardrails": [check]}, messages=CHAT)
    [hook] = got.json()["hook_results"]["before_request_hooks"]
    assert hook["checks"][0]["data"].get("foundWords", []) == seen


@pytest.mark.parametrize("deny", [False, True])
def test_the_first_verdict_is_waited_for_so_long_and_no_longer(
    gateway: RunningGateway, upstream: Upstream, hooks: Upstream, deny: bool
) -> None:
    """Then the head goes out, and a denial ends the stream; nothing of the text leaves before its verdict."""
    release = threading.Event()
    flagged = {"flagged": deny, "categories": {"hate": deny}}
    hooks.play(held(release), reply(200, json.dumps({"results": [flagged]}).encode()))
    upstream.play(events(ROLE, chunk({"content": "secret"}), FINISH, DONE))
    check = {"openai.moderation": {"credentials": {"apiKey": "k", "apiBase": hooks.url}, "timeout": 20000}}
    hook = {**check, "deny": True, "stream": "window", "first_wait_ms": 50}
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    headers = {"x-portkey-config": json.dumps({**target, "output_guardrails": [hook]})}
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    url = f"{gateway.v1}/chat/completions"
    gateway.recorded()
    with httpx.stream("POST", url, json=body, headers=headers, timeout=300, trust_env=False) as got:
        assert got.status_code == 200
        release.set()
        text = got.read().decode()
    assert ("secret" in text, "[DONE]" in text, "hooks_failed" in text) == (not deny, not deny, deny)
    [record] = gateway.recorded()
    failure = "hooks_failed" if deny else None
    assert (record.failure, [attempt.failure for attempt in record.attempts]) == (failure, [failure])


def test_a_webhook_turns_no_answer_into_a_stream(gateway: RunningGateway, upstream: Upstream, hooks: Upstream) -> None:
    """Its new request is read as a fresh one, and what it can't change is an error of the check."""
    new = {"model": "gpt-x", "messages": [{"role": "user", "content": "new"}]}
    hooks.play(reply(200, json.dumps({"verdict": True, "transformedData": {"request": {"json": new}}}).encode()))
    config = {"input_guardrails": [{"webhook": {"webhookURL": hooks.url}}]}
    got = ask(gateway, upstream, config, "old")
    assert (got.status_code, json.loads(upstream.last.body)) == (200, new)
    streaming = {"verdict": True, "transformedData": {"request": {"json": {**new, "stream": True}}}}
    hooks.play(reply(200, json.dumps(streaming).encode()))
    got = ask(gateway, upstream, config, "old")
    [check] = got.json()["hook_results"]["before_request_hooks"][0]["checks"]
    sent = json.loads(upstream.last.body)
    assert sent == {"model": "gpt-x", "messages": [{"role": "user", "content": "old"}]}
    assert (check["verdict"], check["transformed"]) == (False, False)
    assert "streamed" in check["error"]["message"]


def test_guards_that_are_written_alike_are_told_of_each_target(gateway: RunningGateway, upstream: Upstream) -> None:
    """A run that serves the second target, too, is told among the second target's guards."""
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    guards = {"input_guardrails": [{"contains": WORDS, "parallel": True}]}
    upstream.play(reply(500, b"{}"))
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [{**target, **guards}, {**target, **json.loads(json.dumps(guards))}],
    }
    got = ask(gateway, upstream, config, "bad")
    assert (got.status_code, len(upstream.received)) == (246, 2)
    assert [each["verdict"] for each in got.json()["hook_results"]["before_request_hooks"]] == [False]


RESULT: Final = b'{"custom_id": "a", "response": {"body": {"choices": [{"message": {"content": "bad"}}]}}}\n'


@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize("path", ["files/file-1/content", "batches/b/output"])
def test_a_batchs_results_are_told_as_unread_or_refused(upstream: Upstream, refuses: bool, path: str) -> None:
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_GUARDS_UNGUARDED": "refuse" if refuses else "pass"}
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    guards = {
        "deny": {"contains": WORDS, "deny": True},
        "change": {"regexReplace": {"rule": "/bad/g"}},
        "mark": {"contains": WORDS},
    }
    with running_gateway(load({}, environment, Path("/nonexistent"))) as gateway:
        for kind, guard in guards.items():
            upstream.play(reply(200, RESULT, "application/octet-stream"))
            headers = {"x-portkey-config": json.dumps({**target, "output_guardrails": [guard]})}
            got = httpx.get(f"{gateway.v1}/{path}", headers=headers, timeout=300, trust_env=False)
            verdicts = [each.verdict for record in gateway.recorded() for each in record.guards]
            if refuses and kind != "mark":
                assert (got.status_code, "guards.unguarded" in got.text, upstream.received) == (400, True, [])
                upstream.forget_script()
            else:
                assert (got.status_code, got.content) == (200, RESULT)
                assert verdicts == ([] if kind == "mark" else ["unread"])
