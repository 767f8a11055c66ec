import json

from penstock.guards.hook_result import GAP, feedback_of, passed_result, results_at, template_of
from penstock.guards.plan import HookType


def test_a_template_is_filled_with_data_and_moments() -> None:
    checks = [("a.b", False, None), ("c.d", True, b'{"y":"100%"}')]
    template = template_of(passed_result("100% g", HookType.GUARDRAIL, checks, None, is_async=False))
    assert template is not None
    told = json.loads(results_at(template, 1769860800000) % (b'{"x":"%b"}',))
    first, second = told.pop("checks")
    assert list(first.items()) == [
        ("data", {"x": "%b"}),
        ("verdict", True),
        ("id", "a.b"),
        ("execution_time", 0),
        ("transformed", False),
        ("created_at", "2026-01-31T12:00:00.000Z"),
        ("log", None),
        ("fail_on_error", False),
    ]
    assert (second["id"], second["data"], second["fail_on_error"]) == ("c.d", {"y": "100%"}, True)
    assert list(told.items()) == [
        ("verdict", True),
        ("id", "100% g"),
        ("transformed", False),
        ("feedback", None),
        ("execution_time", 0),
        ("async", False),
        ("type", "guardrail"),
        ("created_at", "2026-01-31T12:00:00.000Z"),
        ("deny", False),
    ]


def test_requests_of_one_moment_share_their_results() -> None:
    template = template_of(passed_result("g", HookType.MUTATOR, [("a.b", False, None)], None, is_async=True))
    assert template is not None
    first, second = (results_at(bytes(bytearray(template)), 1769860800000) for _ in range(2))
    assert first is second
    assert json.loads(results_at(template, 1769860800001) % (b"{}",))["created_at"] == "2026-01-31T12:00:00.001Z"


def test_a_text_that_is_no_utf_8_makes_no_template() -> None:
    assert template_of(["\ud800", GAP]) is None


def test_feedback_lists_the_checks() -> None:
    assert feedback_of((5, None, {"team": "a"}), ["x", "y"], ["z"]) == {
        "value": 5,
        "weight": None,
        "metadata": {"team": "a", "successfulChecks": "x, y", "failedChecks": "z", "erroredChecks": ""},
    }
