from typing import Any

from judging import hooks_of
from penstock.guards.base import Judgement, could_not
from penstock.guards.results import CheckRun, HookRun
from penstock.observe.record import GuardVerdict, Records
from penstock.pipeline.account import Account
from penstock.pipeline.guarding.verdicts import GuardVerdicts

WORDS: dict[str, Any] = {"words": ["bad"], "operator": "none"}


def run(judgement: Judgement, *, can_deny: bool = True, deny: bool = False, closed: bool = False) -> HookRun:
    hooks = {"input_guardrails": [{"id": "g", "deny": deny, "CONTAINS": {**WORDS, "failOnError": closed}}]}
    [hook], _ = hooks_of(hooks)
    return HookRun(hook, (CheckRun(hook.checks[0], judgement),), can_deny=can_deny)


def noted(*runs: HookRun) -> tuple[Account, GuardVerdicts]:
    account, verdicts = Account(Records(), "POST", "/"), GuardVerdicts()
    verdicts.note(account, runs)
    return account, verdicts


def test_every_verdict() -> None:
    bad, broken = Judgement(verdict=False), could_not("no")
    account, verdicts = noted(
        run(Judgement(verdict=True), deny=True),
        run(bad),
        run(bad, deny=True),
        run(bad, deny=True, can_deny=False),
        run(broken, deny=True),
        run(broken, closed=True),
        run(broken, closed=True, deny=True),
    )
    told = ["failed", "denied", "failed", "error_passed", "error_failed", "error_denied"]
    assert account.guards == [GuardVerdict("before", "g", "default.contains", verdict) for verdict in told]
    assert verdicts.counts == {("default.contains", each): told.count(each) or 1 for each in (*told, "passed")}


def test_dropped_hooks() -> None:
    account, verdicts = noted()
    verdicts.drop(account, [run(Judgement(verdict=True)).hook])
    assert verdicts.counts == {("default.contains", "dropped"): 1}
    assert [each.verdict for each in account.guards] == ["dropped"]


def test_a_record_stays_small() -> None:
    hook = run(Judgement(verdict=False)).hook
    account, verdicts = noted(*[run(Judgement(verdict=False))] * 100)
    assert (len(account.guards), verdicts.counts["default.contains", "failed"]) == (20, 100)
    assert hook.id == account.guards[0].guard
