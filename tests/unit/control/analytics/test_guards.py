"""Shares of denials by check, of the details of requests as the log keeps them."""

from __future__ import annotations

import json

from penstock.control.analytics.guards import told


def details(*verdicts: tuple[str, str]) -> str:
    guards = [{"phase": "before", "guard": "g", "check": check, "verdict": verdict} for check, verdict in verdicts]
    return json.dumps({"attempts": [], "guards": guards})


def test_shares_of_denials() -> None:
    rows = [
        details(("default.contains", "denied"), ("default.contains", "denied"), ("penstock.pii", "would_deny")),
        details(("penstock.pii", "error_denied")),
        details(("penstock.size", "unread"), ("penstock.pii", "failed")),
        "{}",
        "no JSON",
    ]
    answer = told(rows)
    assert (answer["requests"], answer["total"]) == (5, 3)
    contains, pii, size = sorted(answer["data"], key=lambda each: each["check"])
    assert contains["check"] == "default.contains"
    assert (contains["denied"], contains["denied_share"], contains["failed"]) == (1, 20.0, 1)
    assert (pii["denied"], pii["failed"], pii["errors"], pii["shadow"]) == (1, 2, 1, 1)
    assert (size["unread"], size["denied"]) == (1, 0)


def test_no_requests() -> None:
    assert told([]) == {"object": "list", "requests": 0, "total": 0, "data": []}
