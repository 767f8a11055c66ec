import json
from typing import Any

import msgspec
import pytest

from judging import hooks_of
from penstock.guards.base import Judgement, Phase, could_not
from penstock.guards.results import (
    CheckRun,
    HookRun,
    denied,
    denied_body,
    failed,
    hook_results,
    phase_results,
    reasons_of,
    with_results,
)

WORDS = {"words": ["bad"], "operator": "none"}


def run(judgement: Judgement, *, deny: bool = False, fail: bool = False, thrown: bool = False) -> HookRun:
    hook = hooks_of({"input_guardrails": [{"contains": {**WORDS, "failOnError": fail}, "id": "g", "deny": deny}]})[0][0]
    return HookRun(hook, (CheckRun(hook.checks[0], judgement, 3, 0.0015, was_thrown=thrown),), 4, 0.0015)


def told(*runs: HookRun, **more: Any) -> Any:
    return json.loads(hook_results((), runs, **more))["after_request_hooks"]


@pytest.mark.parametrize(
    ("judgement", "fail", "verdict"),
    [
        (Judgement(verdict=True), False, True),
        (Judgement(verdict=False), False, False),
        (could_not("x"), False, True),
        (could_not("x"), True, False),
        # An error with a true verdict: there is nothing to judge, say.
        (msgspec.structs.replace(could_not("x"), verdict=True), True, True),
    ],
)
def test_verdicts(judgement: Judgement, fail: bool, verdict: bool) -> None:
    made = run(judgement, deny=True, fail=fail)
    assert (made.verdict, failed([made]), denied([made])) == (verdict, not verdict, not verdict)


def test_a_hook_without_checks_is_good() -> None:
    assert msgspec.structs.replace(run(could_not("x")), checks=()).verdict


def test_feedback_names_checks_by_their_verdicts_and_errors() -> None:
    feedback = {"value": 1, "weight": 1, "metadata": {}}
    item = {"checks": [{"id": "contains", "parameters": WORDS}] * 4, "id": "g"}
    outcomes = {"on_success": {"feedback": feedback}, "on_fail": {"feedback": feedback}}
    hook = hooks_of({"input_guardrails": [{**item, **outcomes}]})[0][0]
    judgements = [
        Judgement(verdict=True),
        Judgement(verdict=False),
        could_not("x"),
        msgspec.structs.replace(could_not("x"), verdict=True),
    ]
    runs = tuple(
        CheckRun(msgspec.structs.replace(check, id=f"c{at}"), judgement, 3, 0.0015)
        for at, (check, judgement) in enumerate(zip(hook.checks, judgements, strict=True))
    )
    [result] = told(HookRun(hook, runs, 4, 0.0015))
    assert result["feedback"]["metadata"] == {
        "successfulChecks": "c0, c3",
        "failedChecks": "c1",
        "erroredChecks": "c2",
    }
    assert [each["verdict"] for each in result["checks"]] == [True, False, False, True]


def test_the_members_of_results() -> None:
    [hook] = told(run(could_not("why"), fail=True))
    assert list(hook) == "verdict id transformed checks feedback execution_time async type created_at deny".split()
    assert hook["created_at"] == "1970-01-01T00:00:00.001Z"
    [check] = hook["checks"]
    assert list(check) == "data verdict id error execution_time transformed created_at log fail_on_error".split()
    assert check["error"] == {"name": "Error", "message": "why"}
    [hook] = told(run(could_not("why", "Check error"), thrown=True))
    assert list(hook["checks"][0]) == "data verdict id error execution_time created_at".split()


def test_a_withheld_answer_is_not_quoted() -> None:
    data = {"textExcerpt": "canary", "matchDetails": {"matchedText": "canary"}, "foundWords": ["canary"], "operator": "none"}  # fmt: skip
    made = run(Judgement(verdict=False, data=data))
    assert told(made)[0]["checks"][0]["data"] == data
    hidden = told(made, hides=True)[0]["checks"][0]["data"]
    assert hidden == {"textExcerpt": None, "matchDetails": None, "foundWords": [], "operator": "none"}
    before = json.loads(hook_results([made], (), hides_before=True))["before_request_hooks"][0]
    assert "canary" not in json.dumps(before)


def test_bodies() -> None:
    assert with_results(b'{"a": 1}\n', b"[]") == b'{"a": 1,"hook_results":[]}'
    assert with_results(b"{ }", b"[]") == b'{"hook_results":[]}'
    assert with_results(b"[1]", b"[]") is None
    for body in (b"", b"}", b"{}", b"{\n}", b'{"a":1}', b'{"a":"b" }', b'{"a":[true]}', b'{"a":null}', b'{"a":1e5}  '):
        whole = with_results(body, b'[{"x":', b"2}]")
        if body.startswith(b"{"):
            assert whole is not None
            assert json.loads(whole) == {**json.loads(body), "hook_results": [{"x": 2}]}
    value = json.loads(denied_body(b"{}", ["g (default.contains)"]))
    assert list(value) == ["type", "error", "hook_results"]
    assert list(value["error"]) == ["message", "type", "param", "code"]
    assert value["error"]["message"].endswith("Denied by: g (default.contains).")
    assert "hook_results" not in json.loads(denied_body(None))


def test_reasons_and_phases() -> None:
    made = run(Judgement(verdict=False), deny=True)
    assert reasons_of([made]) == ["g (default.contains)"]
    assert list(json.loads(phase_results(Phase.BEFORE, [made]))) == ["before_request_hooks"]
    skipped = msgspec.structs.replace(made, skipped=True)
    assert told(skipped) == [{"id": "g", "type": "guardrail", "skipped": True}]


def test_a_run_with_other_checks_has_their_verdict() -> None:
    [hook], _ = hooks_of({"input_guardrails": [{"contains": {"words": ["a"], "operator": "none"}, "deny": True}]})
    bad = HookRun(hook, (CheckRun(hook.checks[0], Judgement(verdict=False)),))
    good = msgspec.structs.replace(bad, checks=(CheckRun(hook.checks[0], Judgement(verdict=True)),))
    marks = msgspec.structs.replace(bad, can_deny=False)
    assert [(run.verdict, run.denies) for run in (bad, good, marks)] == [(False, True), (True, False), (False, False)]
    assert msgspec.structs.replace(good, checks=bad.checks).denies
