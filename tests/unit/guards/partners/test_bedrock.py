from typing import Any

import pytest

from judging import Way, asked, prepared, refused
from partnering import KEY, Recorded, asked_text, told
from penstock.guards.base import CheckError, Phase

KEYS = {"awsAccessKeyId": "AKID", "awsSecretAccessKey": KEY, "awsRegion": "eu-west-1"}
GUARD: dict[str, Any] = {"guardrailId": "gr/1", "guardrailVersion": "1", "credentials": KEYS}
URL = "https://bedrock-runtime.eu-west-1.amazonaws.com/guardrail/gr%2F1/version/1/apply"
TEXT = "mail a@b.test to c"
MASKED = {"sensitiveInformationPolicy": {"piiEntities": [{"type": "EMAIL", "match": "a@b.test", "action": "ANONYMIZED"}]}}  # fmt: skip
PATTERN = {"sensitiveInformationPolicy": {"regexes": [{"name": "one", "match": "c", "regex": "c", "action": "ANONYMIZED"}]}}  # fmt: skip
ELSEWHERE = {"sensitiveInformationPolicy": {"piiEntities": [{"type": "NAME", "match": "Ann", "action": "ANONYMIZED"}]}}  # fmt: skip
BLOCKED = {"topicPolicy": {"topics": [{"name": "Finance", "type": "DENY", "action": "BLOCKED"}]}}
SEEN = {"contentPolicy": {"filters": [{"type": "HATE", "confidence": "LOW", "action": "NONE"}]}}


def exchange(*assessments: Any, outputs: Any = (), action: str = "GUARDRAIL_INTERVENED", text: str = TEXT) -> Recorded:
    reply = {"action": action, "outputs": list(outputs), "assessments": list(assessments)}
    return Recorded(URL, {"source": "INPUT", "content": [{"text": {"text": text}}]}, reply)


@pytest.mark.parametrize(
    ("recorded", "redact", "verdict", "text"),
    [
        (exchange(action="NONE"), False, True, TEXT),
        (exchange(MASKED), False, False, TEXT),
        (exchange(MASKED, outputs=[{"text": "mail {EMAIL} to c"}]), True, True, "mail {EMAIL} to c"),
        (exchange(MASKED, PATTERN, outputs=[{"text": "x"}, {"text": "y"}]), True, True, "mail {EMAIL} to {one}"),
        (exchange(MASKED, SEEN, outputs=[{"text": "masked"}]), True, True, "masked"),
        (exchange(BLOCKED, outputs=[{"text": "Sorry"}]), True, False, TEXT),
        # What was found and isn't masked doesn't pass.
        (exchange(MASKED, outputs=[{"text": TEXT}]), True, True, "mail {EMAIL} to c"),
        (exchange(ELSEWHERE, outputs=[{"text": TEXT}]), True, False, TEXT),
        (exchange(ELSEWHERE), True, False, TEXT),
        # A text that is refused for its topic isn't let through by the mask of an address.
        (exchange(MASKED, BLOCKED, outputs=[{"text": "Sorry"}]), True, False, "mail {EMAIL} to c"),
    ],
)
def test_what_bedrock_says(recorded: Recorded, redact: bool, verdict: bool, text: str) -> None:
    judgement = told("bedrock.guard", {**GUARD, "redact": redact}, TEXT, recorded)
    assert (judgement.verdict, judgement.data, judgement.error) == (verdict, recorded.reply, None)
    assert asked_text(judgement, TEXT) == text
    assert prepared("bedrock.guard", {**GUARD, "redact": redact}).transforms is redact


def test_an_answer_is_output_and_all_texts_are_one_call() -> None:
    body = {"source": "OUTPUT", "content": [{"text": {"text": "a"}}, {"text": {"text": "b"}}]}
    answer = {"choices": [{"message": {"content": "a"}}, {"message": {"content": "b"}}]}
    recorded = Recorded(URL, body, {"action": "NONE", "assessments": []})
    assert told("bedrock.guard", GUARD, answer, recorded, phase=Phase.AFTER).verdict


def test_an_unknown_action_is_no_verdict() -> None:
    assert told("bedrock.guard", GUARD, TEXT, exchange(action="LATER")).error is not None


def test_who_signs() -> None:
    way = Way(lambda _: CheckError("x"))
    role = {"awsAuthType": "assumedRole", "awsRoleArn": "arn:aws:iam::1:role/r", "awsExternalId": "e"}
    asked("bedrock.guard", {**GUARD, "credentials": {**KEYS, **role}}, TEXT, way)
    asked("bedrock.guard", {**GUARD, "credentials": {"accessKeyId": "A", "accessKeySecret": KEY, "region": "cn-north-1"}}, TEXT, way)  # fmt: skip
    first, second = (request.identity for request in way.sent)
    assert first is not None
    assert second is not None
    assert KEY not in repr((first, second))
    assert first.options["aws_role_arn"].reveal() == "arn:aws:iam::1:role/r"
    assert second.options["aws_secret_access_key"].reveal() == KEY
    assert second.options["aws_role_arn"].reveal() == ""
    assert way.sent[1].url.startswith("https://bedrock-runtime.cn-north-1.amazonaws.com.cn/")


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({**GUARD, "guardrailId": ""}, "p.guardrailId"),
        ({**GUARD, "credentials": {**KEYS, "awsRegion": "evil.test/"}}, "p.credentials.awsRegion"),
        ({**GUARD, "credentials": {"awsAccessKeyId": "A"}}, "p.credentials.awsSecretAccessKey"),
        ({**GUARD, "credentials": {**KEYS, "awsAuthType": "profile"}}, "p.credentials.awsAuthType"),
    ],
)
def test_what_is_refused(parameters: dict[str, Any], path: str) -> None:
    assert refused("bedrock.guard", parameters) == path
