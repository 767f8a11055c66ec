import json
from typing import Any

import pytest

from judging import context, refused
from partnering import KEY, Recorded, asked_text, told
from penstock.guards.base import Phase

AIDR: dict[str, Any] = {"credentials": {"apiKey": KEY, "baseUrl": "api.crowdstrike.test/aidr"}}
PANGEA: dict[str, Any] = {"credentials": {"apiKey": KEY, "domain": "aws.us.pangea.test"}}
SHOWN = {"authorization": f"Bearer {KEY}"}
TEXT = "I am Ann"


def guarded(result: Any, phase: Phase = Phase.BEFORE) -> Recorded:
    body = {
        "guard_input": context(TEXT, phase).body.json,
        "event_type": "input" if phase is Phase.BEFORE else "output",
        "app_id": "penstock",
        "extra_info": {},
        "llm_provider": "openai",
    }
    body |= {"model": "m", "user_id": "u"} if phase is Phase.BEFORE else {}
    url = "https://api.crowdstrike.test/aidr/v1/guard_chat_completions"
    return Recorded(url, body, {"request_id": "r", "result": result}, SHOWN)


@pytest.mark.parametrize(
    ("result", "verdict", "body"),
    [
        ({"blocked": False, "transformed": False}, True, None),
        ({"blocked": True, "transformed": False}, False, None),
        ({"blocked": False, "transformed": True, "guard_output": {"messages": []}}, True, {"messages": []}),
        ({"blocked": True, "transformed": True, "guard_output": {"messages": []}}, False, None),
        # Something has to be taken out, and nobody says what.
        ({"blocked": False, "transformed": True}, False, None),
    ],
)
def test_what_aidr_says(result: Any, verdict: bool, body: Any) -> None:
    more = {"metadata": {"_user": "u"}}
    judgement = told("crowdstrike-aidr.guardChatCompletions", AIDR, TEXT, guarded(result), **more)
    assert (judgement.verdict, judgement.error) == (verdict, None)
    assert (None if judgement.body is None else json.loads(judgement.body)) == body
    after = guarded(result, Phase.AFTER)
    assert told("crowdstrike-aidr.guardChatCompletions", AIDR, TEXT, after, phase=Phase.AFTER).verdict is verdict


def test_a_reply_without_a_verdict() -> None:
    more = {"metadata": {"_user": "u"}}
    assert told("crowdstrike-aidr.guardChatCompletions", AIDR, TEXT, guarded({}), **more).error is not None
    failed = guarded({"blocked": False})
    failed.reply["status"] = "Unauthorized"
    assert told("crowdstrike-aidr.guardChatCompletions", AIDR, TEXT, failed, **more).error is not None
    assert refused("crowdstrike-aidr.guardChatCompletions", {"credentials": {"apiKey": KEY}}) == "p.credentials.baseUrl"


def test_who_asks_is_told_by_labels() -> None:
    recorded = guarded({"blocked": False})
    recorded.body |= {"user_id": "7", "extra_info": {"user_name": "Ann"}}
    for labels in ({"_user": "7", "_user_name": "Ann", "user_id": "8"}, {"user_id": "7", "user_name": "Ann"}):
        assert told("crowdstrike-aidr.guardChatCompletions", AIDR, TEXT, recorded, metadata=labels).verdict


def text_guarded(detectors: Any, status: str = "Success", **more: Any) -> Recorded:
    reply = {"status": status, "result": {"detectors": detectors}}
    body = {"text": TEXT, "debug": False, **more}
    return Recorded("https://ai-guard.aws.us.pangea.test/v1/text/guard", body, reply, SHOWN)


def test_pangeas_text_guard() -> None:
    clean = {"prompt_injection": {"detected": False}, "pii_entity": None}
    assert told("pangea.textGuard", PANGEA, TEXT, text_guarded(clean)).verdict
    found = text_guarded({"secrets_detection": {"detected": True}}, recipe="r", overrides={"a": 1})
    judgement = told("pangea.textGuard", {**PANGEA, "recipe": "r", "overrides": {"a": 1}}, TEXT, found)
    assert (judgement.verdict, judgement.data) == (False, found.reply["result"])
    assert told("pangea.textGuard", PANGEA, TEXT, text_guarded(clean, "Unauthorized")).error is not None


def redacted(count: Any, texts: Any) -> Recorded:
    reply = {"status": "Success", "result": {"count": count, "redacted_data": texts}}
    return Recorded("https://redact.aws.us.pangea.test/v1/redact_structured", {"data": [TEXT]}, reply, SHOWN)


@pytest.mark.parametrize(
    ("recorded", "redact", "verdict", "text"),
    [
        (redacted(0, [TEXT]), True, True, TEXT),
        (redacted(1, ["I am <PERSON>"]), False, False, TEXT),
        (redacted(1, ["I am <PERSON>"]), True, True, "I am <PERSON>"),
    ],
)
def test_pangeas_redaction(recorded: Recorded, redact: bool, verdict: bool, text: str) -> None:
    judgement = told("pangea.pii", {**PANGEA, "redact": redact}, TEXT, recorded)
    assert (judgement.verdict, judgement.error, asked_text(judgement, TEXT)) == (verdict, None, text)


@pytest.mark.parametrize("recorded", [redacted(1, None), redacted(1, []), redacted(1, [TEXT])])
def test_what_was_found_and_not_redacted_does_not_pass(recorded: Recorded) -> None:
    judgement = told("pangea.pii", {**PANGEA, "redact": True}, TEXT, recorded)
    assert (judgement.verdict, judgement.error, judgement.edits) == (False, None, ())


def test_a_redaction_without_a_count() -> None:
    assert told("pangea.pii", {**PANGEA, "redact": True}, TEXT, redacted(None, [TEXT])).error is not None
