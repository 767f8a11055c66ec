"""What checks with detectors say, and how their parameters name what takes the place of finds."""

from __future__ import annotations

from judging import context, judged, prepared, refused
from penstock.guards.base import Phase
from penstock.guards.detect.judging import Placeholders

MAIL = "ada@lovelace.example"


def changed(text: str, **parameters: object) -> str:
    judgement = judged("penstock.pii", {"redact": True, **parameters}, text)
    for edit in sorted(judgement.edits, key=lambda each: -each.start):
        text = text[: edit.start] + edit.replacement + text[edit.end :]
    return text


def test_masks() -> None:
    text = f"{MAIL} {MAIL} b@c.example"
    assert changed(text) == "[EMAIL] [EMAIL] [EMAIL]"
    assert changed(text, mask="[EMAIL_1]") == changed(text, mask="numbered") == "[EMAIL_1] [EMAIL_1] [EMAIL_2]"
    assert changed(text, mask="<{entity}>") == "<EMAIL> <EMAIL> <EMAIL>"
    assert changed(text, mask="***") == "*** *** ***"


def test_what_is_allowed_stays() -> None:
    allow = [MAIL.upper(), "/.*@c\\.example/"]
    assert changed(f"{MAIL} b@c.example d@e.example", allow=allow) == f"{MAIL} b@c.example [EMAIL]"


def test_context_words() -> None:
    assert changed(f"mail: {MAIL}; {' ' * 70}{MAIL}", contextWords=["mail"]).endswith(MAIL)


def test_names_of_other_products_and_groups() -> None:
    assert changed(MAIL, entities=["EMAIL_ADDRESS"]) == "[EMAIL]"
    assert changed("123-45-6789 a@b.de", entities=["national_id"]) == "[SSN] a@b.de"
    assert refused("penstock.pii", {"entities": ["shoe size"]}) == "p.entities"


def test_verdicts() -> None:
    assert not judged("penstock.pii", {}, MAIL).verdict
    assert judged("penstock.pii", {"redact": True}, MAIL).verdict
    assert not judged("penstock.pii", {"redact": True, "failOnDetection": True}, MAIL).verdict
    data = judged("penstock.pii", {}, MAIL, phase=Phase.AFTER).data
    assert data["detected"] == {"email": 1}
    assert MAIL not in str(data)


def test_restoring_needs_a_mask() -> None:
    assert refused("penstock.pii", {"restore": True}) == "p.restore"
    judge = prepared("penstock.pii", {"redact": True, "restore": True}).judge
    assert judge is not None
    assert judge(context(MAIL)).restores == {"[EMAIL_1]": MAIL}


def test_placeholders_pass_over_those_of_the_text() -> None:
    names = Placeholders("[EMAIL_1]")
    assert [names.name("email", each) for each in ("a", "b", "a")] == ["[EMAIL_2]", "[EMAIL_3]", "[EMAIL_2]"]
    assert names.values() == {"[EMAIL_2]": "a", "[EMAIL_3]": "b"}
