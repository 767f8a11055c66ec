import itertools
import json
from typing import Any

import pytest

from judging import guards_of
from penstock.core.body import Body
from penstock.dialects.openai.caller.texts import TEXTS
from penstock.guards.base import Phase
from penstock.guards.guarded_body import GuardedBody
from penstock.guards.plan import GuardPlan
from penstock.guards.results import HookRun, failed, hook_results, joined_results
from penstock.pipeline.guarding import at_a_glance
from penstock.pipeline.guarding.at_a_glance import passed_request
from penstock.pipeline.guarding.at_once import judged_at_once
from penstock.pipeline.guarding.subject import Subject

CHECKS: dict[str, Any] = {
    "contains": {"words": ["bad"], "operator": "none"},
    "default.wordCount": {"minWords": 1, "maxWords": 6},
    "regexMatch": {"rule": r"\d{4}", "not": True},
    "penstock.secrets": {},
    "alluppercase": {"not": True},
    "endsWith": {"suffix": "!", "scope": "all"},
}
TEXTS_OF_MESSAGES = [
    "Hello there!",
    "a bad word!",
    "the number 1234!",
    "one two three four five six seven!",
    "",
    "WHAT!",
]


def plan_of(*hooks: Any) -> GuardPlan:
    plan, problems = guards_of({"input_guardrails": list(hooks)})
    assert plan is not None, problems
    return plan


def at_a_glance_of(plan: GuardPlan, body: Body) -> bytes | None:
    assert TEXTS.read_plain_chat is not None
    assert plan.glances is not None
    assert TEXTS.read_plain_chat(body) is not None
    return passed_request(plan.glances, TEXTS.read_plain_chat, body)


def chat(*texts: str) -> Body:
    return Body.parse(json.dumps({"messages": [{"role": "user", "content": text} for text in texts]}).encode())


def looked_at(plan: GuardPlan, body: Body) -> list[HookRun]:
    def read(value: Any) -> Any:
        return TEXTS.request("chatComplete", value)

    guarded = GuardedBody(body, read, lambda _: ["messages"], TEXTS.read_plain_chat)
    subject = Subject(Phase.BEFORE, "chatComplete", "openai", guarded, read, lambda _: None)
    return judged_at_once(plan.deciding, subject)[0]


def told(results: bytes) -> Any:
    """What callers are told, in its order, without times."""

    def without_times(pairs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        return [(name, 0 if name in {"execution_time", "created_at"} else value) for name, value in pairs]

    return json.loads(results, object_pairs_hook=without_times)


@pytest.mark.parametrize("texts", [*itertools.product(TEXTS_OF_MESSAGES, repeat=2)])
def test_a_glance_tells_what_a_look_tells_or_nothing(texts: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_a_glance, "_SECONDS", 60.0)
    for feedback in ({}, {"on_success": {"feedback": {"value": 5, "weight": 1, "metadata": {"user_id": "7"}}}}):
        plan = plan_of({**CHECKS, "deny": True, **feedback}, {"penstock.secrets": {"scope": "last"}, "id": "second"})
        body = chat(*texts)
        glanced, seen = at_a_glance_of(plan, body), looked_at(plan, body)
        assert (glanced is None) is (failed(seen) or not all(run.is_clean for run in seen))
        if glanced is not None:
            assert told(joined_results(glanced)) == told(hook_results(seen, ()))


def test_a_glance_that_takes_long_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    plan, body = plan_of({"contains": CHECKS["contains"]}), chat("Hello")
    monkeypatch.setattr(at_a_glance, "_SECONDS", 60.0)
    assert at_a_glance_of(plan, body) is not None
    monkeypatch.setattr(at_a_glance, "_SECONDS", -1.0)
    assert at_a_glance_of(plan, body) is None


@pytest.mark.parametrize(
    "hook",
    [
        {"contains": {"words": ["bad"], "operator": "none", "scope": "user"}},
        {"contains": {"words": ["bad"], "operator": "none", "kinds": ["text"]}},
        {"modelWhitelist": {"models": ["m"]}},
        {"regexReplace": {"rule": "a"}},
        {"contains": CHECKS["contains"], "type": "mutator"},
        {"contains": CHECKS["contains"], "async": True},
        {"contains": CHECKS["contains"], "mode": "shadow"},
        {"penstock.secrets": {"redact": True}},
        {"webhook": {"webhookURL": "https://a.example"}},
        {"contains": CHECKS["contains"], "id": "no \ud800"},
    ],
)
def test_guards_that_need_a_look(hook: dict[str, Any]) -> None:
    assert plan_of(hook).glances is None
