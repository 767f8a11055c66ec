"""Partners over real sockets: what is sent, what is told of them, and where neither a key nor a text may ever stand."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from penstock.guards.base import Phase
from penstock.guards.registry import all_checks
from penstock.observe.access_log import line
from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import Act, Upstream, hang_up, reply, send

CANARY, KEY = "canary-4711", "key-of-the-partner"


async def no_wait(_: float) -> None:
    return None


@pytest.fixture(scope="module")
def gateway() -> Iterator[RunningGateway]:
    with running_gateway(load({}, {"PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent")), sleep=no_wait) as running:
        yield running


def answer(text: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]}).encode()


def ask(gateway: RunningGateway, upstream: Upstream, config: dict[str, Any], text: str) -> httpx.Response:
    target = {"provider": "openai", "api_key": "k", "custom_host": f"{upstream.url}/v1"}
    body = {"model": "gpt-x", "messages": [{"role": "user", "content": text}]}
    headers = {"x-portkey-config": json.dumps({**target, **config})}
    return httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=headers, timeout=300, trust_env=False)


def test_a_partner_masks_what_the_model_gets(gateway: RunningGateway, upstream: Upstream) -> None:
    spans = [{"entity_type": "PERSON", "start": 5, "end": 8, "score": 0.9}]
    upstream.play(reply(200, json.dumps(spans).encode()))
    upstream.play(reply(200, answer("hi")))
    check = {"presidio.pii": {"analyzerUrl": upstream.url, "redact": True}}
    got = ask(gateway, upstream, {"input_guardrails": [{**check, "deny": True}]}, "I am Ann")
    assert got.status_code == 200
    analyze, chat = upstream.received
    assert (analyze.target, json.loads(analyze.body)["text"]) == ("/analyze", "I am Ann")
    assert json.loads(chat.body)["messages"][0]["content"] == "I am <PERSON>"
    [hook] = got.json()["hook_results"]["before_request_hooks"]
    assert (hook["verdict"], hook["transformed"]) == (True, True)


def test_two_partners_mask_the_same_request(gateway: RunningGateway, upstream: Upstream) -> None:
    """They ask at the same time or after one another: no change is lost."""
    one = {"action": "GUARDRAIL_INTERVENED", "texts": ["I am X, a@b.test"]}
    upstream.play(reply(200, json.dumps(one).encode()))
    spans = [{"entity_type": "EMAIL", "start": 8, "end": 16, "score": 0.9}]
    upstream.play(reply(200, json.dumps(spans).encode()))
    upstream.play(reply(200, answer("hi")))
    hooks = [{"litellm.guardrail": {"apiBase": upstream.url}}, {"presidio.pii": {"analyzerUrl": upstream.url, "redact": True}}]  # fmt: skip
    assert ask(gateway, upstream, {"input_guardrails": hooks}, "I am Ann, a@b.test").status_code == 200
    assert json.loads(upstream.received[2].body)["messages"][0]["content"] == "I am X, <EMAIL>"


def test_a_partner_that_fails_lets_pass_unless_it_decides_who_may(gateway: RunningGateway, upstream: Upstream) -> None:
    lakera = {"lakera.guard": {"credentials": {"apiKey": KEY, "apiBase": upstream.url}}}
    airs = {"panw-prisma-airs.intercept": {"credentials": {"AIRS_API_KEY": KEY, "apiBase": upstream.url}}}
    upstream.play(reply(503, b"{}"))
    assert ask(gateway, upstream, {"input_guardrails": [{**lakera, "deny": True}]}, "hello").status_code == 200
    upstream.play(reply(503, b"{}"))
    assert ask(gateway, upstream, {"input_guardrails": [{**airs, "deny": True}]}, "hello").status_code == 446


def test_a_partner_that_fails_again_and_again_is_not_asked_for_a_while(upstream: Upstream) -> None:
    settings = load({}, {"PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent"))
    lakera = {"lakera.guard": {"credentials": {"apiKey": KEY, "apiBase": upstream.url}, "failOnError": True}}
    with running_gateway(settings, sleep=no_wait) as gateway:
        for _ in range(5):
            upstream.play(reply(500, b"{}"))
            ask(gateway, upstream, {"input_guardrails": [{**lakera, "deny": True}]}, "hello")
        got = ask(gateway, upstream, {"input_guardrails": [{**lakera, "deny": True}]}, "hello")
    assert got.status_code == 446
    assert len(upstream.received) == 5
    [check] = got.json()["hook_results"]["before_request_hooks"][0]["checks"]
    assert "not asked for now" in check["error"]["message"]


WEBHOOK_PASSES = reply(200, b'{"verdict": true}')


def play(upstream: Upstream, *scripts: tuple[Act, ...]) -> None:
    for script in scripts:
        upstream.play(*script)


def test_a_webhook_whose_connection_breaks_is_asked_once_more(gateway: RunningGateway, upstream: Upstream) -> None:
    hook = {"webhook": {"webhookURL": f"{upstream.url}/hook"}, "deny": True}
    play(upstream, (hang_up,), (WEBHOOK_PASSES,), (reply(200, answer("hi")),))
    got = ask(gateway, upstream, {"input_guardrails": [hook]}, "hello")
    assert [each.target for each in upstream.received] == ["/hook", "/hook", "/v1/chat/completions"]
    [check] = got.json()["hook_results"]["before_request_hooks"][0]["checks"]
    assert (got.status_code, check["verdict"]) == (200, True)


@pytest.mark.parametrize(
    "broken", [(send(b"HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{"), hang_up), (reply(500, b"{}"),)]
)
def test_a_webhook_that_answered_is_asked_once(
    gateway: RunningGateway, upstream: Upstream, broken: tuple[Act, ...]
) -> None:
    hook = {"webhook": {"webhookURL": f"{upstream.url}/hook"}, "deny": True}
    play(upstream, broken, (reply(200, answer("hi")),))
    got = ask(gateway, upstream, {"input_guardrails": [hook]}, "hello")
    assert [each.target for each in upstream.received] == ["/hook", "/v1/chat/completions"]
    [check] = got.json()["hook_results"]["before_request_hooks"][0]["checks"]
    assert (got.status_code, check["error"]["name"] in {"Error", "HttpError"}) == (200, True)


def test_a_webhook_is_told_what_a_guard_made_of_the_request(gateway: RunningGateway, upstream: Upstream) -> None:
    checks = {"regexReplace": {"rule": "l+"}, "webhook": {"webhookURL": f"{upstream.url}/hook"}}
    for text, told, is_changed in (("none", "none", False), ("hello", "he[REDACTED]o", True)):
        upstream.received.clear()
        play(upstream, (WEBHOOK_PASSES,), (reply(200, answer("hi")),))
        assert ask(gateway, upstream, {"input_mutators": [checks]}, text).status_code == 200
        request = json.loads(upstream.received[0].body)["request"]
        assert (request["text"], request["isTransformed"]) == (told, is_changed)


REFUSING: dict[str, tuple[dict[str, Any], Any]] = {
    "azure.contentSafety": (
        {"credentials": {"customHost": "URL", "apiKey": KEY}},
        {"categoriesAnalysis": [{"category": "Hate", "severity": 4, "said": CANARY}]},
    ),
    "azure.shieldPrompt": (
        {"credentials": {"customHost": "URL", "apiKey": KEY}},
        {"userPromptAnalysis": {"attackDetected": True, "said": CANARY}},
    ),
    "azure.protectedMaterial": (
        {"credentials": {"customHost": "URL", "apiKey": KEY}},
        {"protectedMaterialAnalysis": {"detected": True, "said": CANARY}},
    ),
    "azure.pii": (
        {"credentials": {"customHost": "URL", "apiKey": KEY}},
        {"results": {"documents": [{"id": "0", "redactedText": "*", "entities": [{"text": CANARY}]}]}},
    ),
    "openai.moderation": (
        {"credentials": {"apiBase": "URL", "apiKey": KEY}},
        {"results": [{"flagged": True, "categories": {"hate": True}, "said": CANARY}]},
    ),
    "portkey.moderateContent": (
        {"credentials": {"apiBase": "URL", "apiKey": KEY}},
        {"results": [{"flagged": True, "categories": {"hate": True}, "said": CANARY}]},
    ),
    "presidio.pii": ({"analyzerUrl": "URL"}, [{"entity_type": "X", "start": 0, "end": 3, "score": 1, "said": CANARY}]),
    "lakera.guard": (
        {"credentials": {"apiBase": "URL", "apiKey": KEY}},
        {"flagged": True, "payload": [{"text": CANARY}], "breakdown": []},
    ),
    "panw-prisma-airs.intercept": (
        {"credentials": {"apiBase": "URL", "AIRS_API_KEY": KEY}},
        {"action": "block", "said": [CANARY]},
    ),
    "mistral.moderateContent": (
        {"credentials": {"apiBase": "URL", "apiKey": KEY}},
        {"results": [{"categories": {"law": True}, "said": CANARY}]},
    ),
    "crowdstrike-aidr.guardChatCompletions": (
        {"credentials": {"baseUrl": "URL", "apiKey": KEY}},
        {"result": {"blocked": True, "said": CANARY}},
    ),
    "pangea.textGuard": (
        {"credentials": {"apiBase": "URL", "domain": "d", "apiKey": KEY}},
        {"status": "Success", "result": {"detectors": {"pii_entity": {"detected": True, "data": CANARY}}}},
    ),
    "pangea.pii": (
        {"credentials": {"apiBase": "URL", "domain": "d", "apiKey": KEY}},
        {"status": "Success", "result": {"count": 1, "redacted_data": [CANARY]}},
    ),
    "litellm.guardrail": (
        {"apiBase": "URL", "headers": {"x-key": KEY}},
        {"action": "BLOCKED", "blocked_reason": CANARY},
    ),
}
"""Every partner that can be asked here (Bedrock's host is fixed), and a reply that refuses and quotes."""


def with_url(value: Any, url: str) -> Any:
    if isinstance(value, dict):
        return {name: with_url(each, url) for name, each in value.items()}
    return url if value == "URL" else value


@pytest.mark.parametrize("phase", Phase)
def test_keys_and_what_is_judged_stay_secret(
    upstream: Upstream, phase: Phase, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    partners = {check.id for check in all_checks().values() if check.quotes}
    assert REFUSING.keys() == partners - {"bedrock.guard"}
    caplog.set_level(logging.DEBUG)
    store = {"PENSTOCK_STORE_DATABASE": f"sqlite:///{tmp_path / 'p.db'}", "PENSTOCK_STORE_DATA_DIR": str(tmp_path)}
    settings = load({}, {"PENSTOCK_ACCESS_LOG": "false", **store}, Path("/nonexistent"))
    key = "input_guardrails" if phase is Phase.BEFORE else "output_guardrails"
    shown: list[str] = []
    names = [name for name in REFUSING if phase in all_checks()[name.lower()].phases]
    with running_gateway(settings, sleep=no_wait) as gateway:
        for name in names:
            parameters, says = REFUSING[name]
            if phase is Phase.AFTER:
                upstream.play(reply(200, answer(f"so {CANARY}")))
            upstream.play(reply(200, json.dumps(says).encode()))
            hook = {name: {**with_url(parameters, upstream.url), "failOnError": False}, "deny": True}
            got = ask(gateway, upstream, {key: [hook]}, f"so {CANARY}" if phase is Phase.BEFORE else "hi")
            assert got.status_code == 446, name
            assert KEY not in got.text, name
            shown.append(json.dumps(got.json().get("error")) if phase is Phase.BEFORE else got.text)
        records = gateway.recorded()
        shown += [line(record).decode() + repr(record) for record in records]
        shown.append(httpx.get(f"{gateway.url}/metrics", timeout=300, trust_env=False).text)
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert {verdict.check for record in records for verdict in record.guards} == set(names)
    for secret in (CANARY, KEY):
        assert [each for each in (*shown, caplog.text) if secret in each] == []
        assert secret.encode() not in stored
