import json

from penstock.guards.hook_result import passed_template
from penstock.guards.plan import HookType


def test_a_template_is_filled_with_data_and_moments() -> None:
    template = passed_template("100% g", HookType.GUARDRAIL, [("a.b", False), ("c.d", True)], is_async=False)
    moment = b'"2026-01-31T12:00:00.000Z"'
    told = json.loads(template % (b'{"x":"%b"}', moment, b"null", moment, moment))
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
    assert (second["id"], second["data"], second["fail_on_error"]) == ("c.d", None, True)
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
