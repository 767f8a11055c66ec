from judging import hooks_of
from penstock.guards.backtest import Tally
from penstock.guards.base import Edit, Judgement, could_not
from penstock.guards.results import CheckRun, HookRun

WORDS = {"contains": {"words": ["bad"], "operator": "none"}, "deny": True}


def test_a_tally() -> None:
    [hook], _ = hooks_of({"input_guardrails": [WORDS]})
    tally = Tally()
    judgements = [
        Judgement(verdict=True),
        Judgement(verdict=True, edits=(Edit(("x",), 0, 1, ""),)),
        could_not("no text"),
        *[Judgement(verdict=False)] * 7,
    ]
    for number, judgement in enumerate(judgements, 1):
        tally.add(f"line {number}", [HookRun(hook, (CheckRun(hook.checks[0], judgement),))])
    assert (tally.judged, tally.denied, tally.changed) == (10, 7, 1)
    check = tally.checks["default.contains"]
    assert (check.total, check.passed, check.changed, check.errors, check.failed) == (10, 1, 1, 1, 7)
    assert check.examples == [f"line {number}" for number in range(4, 9)]
