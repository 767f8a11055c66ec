from typing import Any

import pytest

from judging import guards_of, refused
from partnering import KEY, Recorded, told
from penstock.guards.base import Phase

KEYS: dict[str, Any] = {"credentials": {"AIRS_API_KEY": KEY}}
URL = "https://service.api.aisecurity.paloaltonetworks.com/v1/scan/sync/request"
METADATA = {"ai_model": "unknown-model", "app_user": "penstock-gateway", "app_name": "Penstock"}


def scanned(action: Any, contents: Any, **more: Any) -> Recorded:
    body = {"tr_id": "trace-1", "metadata": METADATA, "contents": contents, **more}
    reply = {"action": action, "category": "malicious", "scan_id": "s"}
    return Recorded(URL, body, reply, {"x-pan-token": KEY})


@pytest.mark.parametrize(("action", "verdict"), [("allow", True), ("alert", True), ("block", False)])
def test_what_airs_says(action: str, verdict: bool) -> None:
    recorded = scanned(action, [{"prompt": "hello"}])
    judgement = told("panw-prisma-airs.intercept", KEYS, "hello", recorded, trace="trace-1")
    assert (judgement.verdict, judgement.data) == (verdict, recorded.reply)
    after = scanned(action, [{"response": "hello"}])
    assert told("panw-prisma-airs.intercept", KEYS, "hello", after, trace="trace-1", phase=Phase.AFTER).verdict is verdict  # fmt: skip


def test_its_parameters() -> None:
    parameters = {**KEYS, "profile_name": "p", "ai_model": "m", "app_user": "u", "app_name": "a", "scan_scope": "user_messages"}  # fmt: skip
    messages = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}, {"role": "user", "content": "three"}]  # fmt: skip
    recorded = scanned("allow", [{"prompt": "one\nthree"}], ai_profile={"profile_name": "p"})
    recorded.body["metadata"] = {"ai_model": "m", "app_user": "u", "app_name": "Penstock-a"}
    told("panw-prisma-airs.intercept", parameters, {"messages": messages}, recorded, trace="trace-1")


def test_its_errors_count_as_refusals() -> None:
    recorded = scanned(None, [{"prompt": "hello"}])
    assert told("panw-prisma-airs.intercept", KEYS, "hello", recorded, trace="trace-1").error is not None
    plan, problems = guards_of({"input_guardrails": [{"panw-prisma-airs.intercept": KEYS}]})
    assert problems == []
    assert plan is not None
    assert plan.before[0].checks[0].fails_closed


def test_what_has_no_text_passes() -> None:
    """An answer of tool calls alone, say: there is nothing to scan."""
    judgement = told(
        "panw-prisma-airs.intercept", KEYS, {"choices": [{"message": {"content": None}}]}, phase=Phase.AFTER
    )
    assert judgement.verdict
    assert judgement.error is not None


def test_what_is_refused() -> None:
    assert refused("panw-prisma-airs.intercept", {}) == "p.credentials.AIRS_API_KEY"
    assert refused("panw-prisma-airs.intercept", {**KEYS, "scan_scope": "some"}) == "p.scan_scope"
