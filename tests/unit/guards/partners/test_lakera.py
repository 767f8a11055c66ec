from typing import Any

import pytest

from judging import prepared, refused
from partnering import KEY, Recorded, asked_text, told

KEYS: dict[str, Any] = {"credentials": {"apiKey": KEY}}
TEXT = "mail a@b.test"
MAIL = {"start": 5, "end": 13, "text": "a@b.test", "detector_type": "pii/email", "message_id": 0}


def screened(kinds: list[str], payload: Any = (), url: str = "https://api.lakera.ai", **more: Any) -> Recorded:
    body = {"messages": [{"role": "user", "content": TEXT}], "payload": True, "breakdown": True, **more}
    breakdown = [{"detector_type": kind, "detected": True} for kind in kinds]
    reply = {"flagged": bool(kinds), "payload": list(payload), "breakdown": breakdown}
    return Recorded(f"{url}/v2/guard", body, reply, {"authorization": f"Bearer {KEY}"})


@pytest.mark.parametrize(
    ("recorded", "verdict", "text"),
    [
        (screened([]), True, TEXT),
        (screened(["prompt_attack"]), False, TEXT),
        (screened(["pii/email"], [MAIL]), True, "mail [EMAIL]"),
        (screened(["pii/email", "prompt_attack"], [MAIL]), False, TEXT),
        (screened(["pii/email"]), False, TEXT),
        (screened(["pii/email"], [{**MAIL, "message_id": 7}]), False, TEXT),
        (screened(["pii/email"], [{**MAIL, "end": 99}]), False, TEXT),
        (screened(["pii/email", "pii/name"], [MAIL]), False, TEXT),
    ],
)
def test_what_lakera_says(recorded: Recorded, verdict: bool, text: str) -> None:
    judgement = told("lakera.guard", KEYS, TEXT, recorded)
    assert (judgement.verdict, judgement.error, judgement.data) == (verdict, None, recorded.reply)
    assert asked_text(judgement, TEXT) == text


def test_its_parameters() -> None:
    parameters = {
        "credentials": {"apiKey": KEY, "apiBase": "https://eu.lakera.test/"},
        "projectID": "p1",
        "endInclusive": True,
    }
    recorded = screened(["pii/email"], [{**MAIL, "end": 12}], "https://eu.lakera.test", project_id="p1")
    assert asked_text(told("lakera.guard", parameters, TEXT, recorded), TEXT) == "mail [EMAIL]"
    plain = told("lakera.guard", {**KEYS, "redact": False}, TEXT, screened(["pii/email"], [MAIL]))
    assert (plain.verdict, plain.edits) == (False, ())
    assert prepared("lakera.guard", KEYS).transforms
    assert not prepared("lakera.guard", {**KEYS, "redact": False}).transforms


def test_a_reply_without_a_verdict() -> None:
    recorded = screened([])
    recorded.reply = {"error": "x"}
    assert told("lakera.guard", KEYS, TEXT, recorded).error is not None
    assert refused("lakera.guard", {}) == "p.credentials.apiKey"
