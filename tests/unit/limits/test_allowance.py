from limiting import budget, concurrency, hold, rate
from penstock.limits.allowance import Allowance, OutageRules
from penstock.limits.counters import Exceeded
from penstock.limits.limit import Amounts

STRICT, NORMAL = budget(1000, strict=True, id="strict"), budget(1000, id="normal")


def test_a_strict_budget_allows_nothing() -> None:
    allowance = Allowance()
    assert allowance.reserve(("r", 1), [hold(NORMAL), hold(STRICT)], 1, 0) is None
    assert ("r", 1) not in allowance


def test_another_budget_allows_a_hundredth() -> None:
    allowance = Allowance()
    assert allowance.reserve(("r", 1), [hold(NORMAL, 6)], 1, 0) == ()
    assert allowance.reserve(("r", 2), [hold(NORMAL, 5)], 1, 0) is None
    allowance.settle(("r", 1), Amounts(3))
    assert allowance.reserve(("r", 3), [hold(NORMAL, 7)], 1, 0) == ()
    assert allowance.reserve(("r", 3), [hold(NORMAL, 1)], 1, 0) is None, "an extension takes from it, too"


def test_rates_and_concurrency_are_shared_by_the_workers() -> None:
    allowance = Allowance()
    tokens, slots = rate(100, kind="tokens"), concurrency(2)
    result = allowance.reserve(("r", 1), [hold(tokens, 25), hold(slots)], 4, 0)
    assert isinstance(result, tuple)
    refused = allowance.reserve(("r", 2), [hold(tokens, 1)], 4, 0)
    assert isinstance(refused, Exceeded)
    assert refused.hold.limit is tokens
    assert refused.standings[0].limit is tokens
    assert isinstance(allowance.reserve(("r", 3), [hold(slots)], 4, 0), Exceeded), "never less than one"


def test_the_next_outage_begins_with_a_whole_allowance() -> None:
    allowance = Allowance()
    allowance.reserve(("r", 1), [hold(NORMAL, 10)], 1, 0)
    allowance.end_outage()
    assert allowance.reserve(("r", 2), [hold(NORMAL, 1)], 1, 0) is None, "the first request is under way"
    allowance.settle(("r", 1), Amounts(10))
    assert allowance.reserve(("r", 3), [hold(NORMAL, 10)], 1, 0) == ()


def test_what_is_given_back_can_be_taken_again() -> None:
    allowance = Allowance()
    allowance.reserve(("r", 1), [hold(NORMAL, 10)], 1, 0)
    allowance.shrink(("r", 1), [hold(NORMAL).key])
    assert allowance.reserve(("r", 2), [hold(NORMAL, 10)], 1, 0) == ()


def test_what_the_operator_closes_refuses_and_what_he_opens_lets_everything_pass() -> None:
    fast = rate(2)
    closed = Allowance(OutageRules(budgets="closed", rates="closed"))
    for number, of in enumerate((NORMAL, fast, concurrency(3), STRICT)):
        assert closed.reserve(("closed", number), [hold(of)], 1, 0) is None
    opened = Allowance(OutageRules("open", "open", "open"))
    for number in range(3):
        taken = opened.reserve(("open", number), [hold(STRICT, 900), hold(NORMAL, 900), hold(fast)], 1, 0)
        assert isinstance(taken, tuple)
    only_budgets = Allowance(OutageRules(budgets="open"))
    assert isinstance(only_budgets.reserve(("r", 1), [hold(NORMAL, 5000)], 1, 0), tuple)
    assert only_budgets.reserve(("r", 2), [hold(STRICT)], 1, 0) is None


def test_the_log_says_what_limits_do() -> None:
    told = "strict budgets refuse, other budgets allow a hundredth, rates are counted by each worker"
    assert OutageRules().sentence == told
    assert "LET EVERYTHING PASS" in OutageRules(strict_budgets="open").sentence
