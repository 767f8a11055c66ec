import itertools
import json
from functools import partial
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
from penstock.pipeline.guarding.at_a_glance import passed_answer, passed_request
from penstock.pipeline.guarding.at_once import judged_at_once
from penstock.pipeline.guarding.subject import Subject
from penstock.pipeline.off_loop.thread import JUDGED

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


KEY = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"
"""A credential, which a request may hide from who looks at its bytes."""


@pytest.mark.parametrize(
    ("content", "is_plain"),
    [
        ("a well-meant AKIN", True),
        (KEY, False),
        (f"a\\n{KEY}\\t", False),
        (KEY.replace("_", "\\u005f"), False),
        (KEY.replace("g", "\\u0067"), False),
        (f"\\u00e9 {KEY}", False),
        ("\\u00e9 \\\\ \\/ ghp\\\\_", True),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_no_credential_hides_in_the_bytes_of_a_request(
    content: str, is_plain: bool, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_a_glance, "_SECONDS", 60.0)
    plan = plan_of({"penstock.secrets": {}, "contains": {"words": ["bad"], "operator": "none"}, "deny": True})
    texts = ["hello", "hello"]
    texts[place] = content
    messages = ",".join([f'{{"role":"user","content":"{each}"}}' for each in texts])
    body = Body.parse(f'{{"model":"m","messages":[{messages}],"max_tokens":5}}'.encode())
    glanced, seen = at_a_glance_of(plan, body), looked_at(plan, body)
    assert (glanced is not None, failed(seen)) == (is_plain, not is_plain)
    # A body that was changed is read, and not its bytes of before.
    changed = body.replaced({"messages": b'[{"role":"user","content":"hello"}]'})
    assert at_a_glance_of(plan, changed) is not None
    clean = Body.parse(b'{"messages":[]}').replaced({"messages": f"[{messages}]".encode()})
    assert (at_a_glance_of(plan, clean) is not None) is is_plain


@pytest.mark.parametrize(
    ("body", "passes"),
    [
        (b'{"messages":[{"role":"user","content":"a: b"}]}', True),
        (b'{"messages":[{"role":"user","content":"a"}],"metadata":{"a":"b"}}', True),
        (b'{"messages":[{"role":"user","content":"bad","content":"a"}]}', False),
        (b'{"messages":[{"role":"user","content":"bad"}],"messages":[{"role":"user","content":"a"}]}', True),
        (b'{"messages":[{"role":"user","content":"bad","content":"a"},{"role":"user","content":"a"}]}', False),
    ],
)
def test_a_member_that_comes_twice_needs_a_look(body: bytes, passes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_a_glance, "_SECONDS", 60.0)
    checks: list[dict[str, Any]] = [{"contains": CHECKS["contains"]}, {"penstock.secrets": {}}]
    for check in checks:
        assert (at_a_glance_of(plan_of({**check, "deny": True}), Body.parse(body)) is not None) is passes


def answer_of(message: dict[str, Any], **more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop", **more}
    return json.dumps({"id": "1", "choices": [choice], "usage": {}}).encode()


@pytest.mark.parametrize("text", TEXTS_OF_MESSAGES)
def test_a_glance_at_an_answer_tells_what_a_look_tells_or_nothing(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_a_glance, "_SECONDS", 60.0)
    plan, problems = guards_of({"output_guardrails": [{**CHECKS, "deny": True}, {"penstock.secrets": {}, "id": "two"}]})
    assert plan is not None, problems
    assert plan.glances is not None
    assert plan.glances_after is not None
    assert TEXTS.read_plain_answer is not None
    body = answer_of({"content": text, "refusal": None, "annotations": []}, logprobs=None)
    read = partial(TEXTS.answer, "chatComplete")
    subject = Subject(
        Phase.AFTER, "chatComplete", "openai", GuardedBody(b"{}", read), read, lambda _: None, GuardedBody(body, read)
    )
    seen = judged_at_once(plan.deciding_after, subject)[0]
    glanced = passed_answer(plan.glances_after, TEXTS.read_plain_answer, body)
    assert (glanced is None) is (failed(seen) or not all(run.is_clean for run in seen))
    if glanced is not None:
        assert told(joined_results(b"[]", glanced)) == told(hook_results((), seen))


@pytest.mark.parametrize(
    "body",
    [
        answer_of({"content": None}),
        answer_of({"content": "a", "refusal": "no"}),
        answer_of({"content": "a", "reasoning_content": "b"}),
        answer_of({"content": "a", "annotations": [{"type": "url_citation"}]}),
        answer_of({"content": "a", "tool_calls": [{}]}),
        answer_of({"content": "a"}, text="b"),
        answer_of({"content": "a"}, index=1),
        answer_of({"content": "a"}).replace(
            b'"choices": [', b'"choices": [{"index": 0, "message": {"content": "b"}}, '
        ),
        answer_of({"content": "\ud800"}),
        b'{"choices": []}',
        b"[]",
        b"",
    ],
)
def test_an_answer_with_more_than_a_text_needs_a_look(body: bytes) -> None:
    assert TEXTS.read_plain_answer is not None
    assert TEXTS.read_plain_answer(body) is None


@pytest.mark.parametrize(("length", "is_looked_at"), [(JUDGED // 2, False), (JUDGED, True)])
def test_the_event_loop_gives_no_large_answer_a_glance(
    length: int, is_looked_at: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_a_glance, "_SECONDS", 60.0)
    plan, problems = guards_of({"output_guardrails": [{"contains": CHECKS["contains"], "deny": True}]})
    assert plan is not None, problems
    assert plan.glances_after is not None
    assert TEXTS.read_plain_answer is not None
    glanced = passed_answer(plan.glances_after, TEXTS.read_plain_answer, answer_of({"content": "a" * length}))
    assert (glanced is None) is is_looked_at


@pytest.mark.parametrize(
    "hook",
    [
        {"contains": CHECKS["contains"], "async": True},
        {"regexReplace": {"rule": "a"}},
        {"webhook": {"webhookURL": "https://a.example"}},
    ],
)
def test_a_request_needs_a_look_where_its_answer_does(hook: dict[str, Any]) -> None:
    plan, problems = guards_of({"input_guardrails": [CHECKS], "output_guardrails": [hook]})
    assert plan is not None, problems
    assert (plan.glances, plan.glances_after) == (None, None)


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


def test_a_hook_without_checks_is_told() -> None:
    plan, body = plan_of({"id": "first", "checks": []}), chat("hello")
    glanced = at_a_glance_of(plan, body)
    assert glanced is not None
    assert told(joined_results(glanced)) == told(hook_results(looked_at(plan, body), ()))
    assert json.loads(glanced)[0]["id"] == "first"
