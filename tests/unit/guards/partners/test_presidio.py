import json
from typing import Any

import pytest

from judging import Way, asked, prepared, refused
from partnering import Recorded, asked_text, told
from penstock.guards.base import OutboundReply

SERVER: dict[str, Any] = {"analyzerUrl": "https://presidio.test/"}
TEXT = "\U0001f600 Ann: a@b.test"
SPANS = [
    {"entity_type": "PERSON", "start": 2, "end": 5, "score": 0.85},
    {"entity_type": "EMAIL_ADDRESS", "start": 7, "end": 15, "score": 1.0},
]


def analyzed(spans: Any, **wanted: Any) -> Recorded:
    return Recorded("https://presidio.test/analyze", {"text": TEXT, "language": "en", **wanted}, spans)


@pytest.mark.parametrize(
    ("spans", "redact", "verdict", "text"),
    [
        ([], True, True, TEXT),
        (SPANS, False, False, TEXT),
        (SPANS, True, True, "\U0001f600 <PERSON>: <EMAIL_ADDRESS>"),
    ],
)
def test_spans(spans: Any, redact: bool, verdict: bool, text: str) -> None:
    judgement = told("presidio.pii", {**SERVER, "redact": redact}, TEXT, analyzed(spans))
    assert (judgement.verdict, judgement.error) == (verdict, None)
    assert asked_text(judgement, TEXT) == text
    assert judgement.data["entities"] == spans
    assert "Ann" not in repr(judgement.data)


def test_what_is_asked_for() -> None:
    parameters = {**SERVER, "entities": ["PERSON"], "scoreThreshold": "0.5", "language": "de"}
    recorded = analyzed([], entities=["PERSON"], score_threshold=0.5)
    recorded.body["language"] = "de"
    assert told("presidio.pii", parameters, TEXT, recorded).verdict


@pytest.mark.parametrize("reply", [{"error": "x"}, [{"entity_type": "PERSON"}]])
def test_a_reply_without_a_verdict(reply: Any) -> None:
    assert told("presidio.pii", SERVER, TEXT, analyzed(reply)).error is not None


OPERATORS = {"DEFAULT": {"type": "replace", "new_value": "?"}}
BOTH = {**SERVER, "redact": True, "operators": OPERATORS, "anonymizerUrl": "https://anonymizer.test"}


def anonymized(reply: Any, status: int = 200) -> Recorded:
    spans = [{**span, "score": 1.0} for span in SPANS]
    body = {"text": TEXT, "analyzer_results": spans, "anonymizers": OPERATORS}
    return Recorded("https://anonymizer.test/anonymize", body, reply, status=status)


def test_operators_are_carried_out_by_the_anonymizer() -> None:
    judgement = told("presidio.pii", BOTH, TEXT, analyzed(SPANS), anonymized({"text": "? ?", "items": []}))
    assert (judgement.verdict, asked_text(judgement, TEXT)) == (True, "? ?")
    assert told("presidio.pii", BOTH, TEXT, analyzed([])).verdict
    assert prepared("presidio.pii", BOTH).transforms


@pytest.mark.parametrize("recorded", [anonymized({}), anonymized({"text": "x"}, status=500)])
def test_an_anonymizer_that_fails_leaves_the_masks(recorded: Recorded) -> None:
    judgement = told("presidio.pii", BOTH, TEXT, analyzed(SPANS), recorded)
    assert (judgement.verdict, judgement.error) == (True, None)
    assert asked_text(judgement, TEXT) == "\U0001f600 <PERSON>: <EMAIL_ADDRESS>"
    assert "The anonymizer gave no text" in judgement.data["explanation"]


@pytest.mark.parametrize("place", [{"start": 2, "end": 99}, {"start": -1}, {"start": 5, "end": 5}, {"end": None}])
def test_what_was_found_at_no_place_of_the_text_does_not_pass(place: dict[str, Any]) -> None:
    for redact in (True, False):
        judgement = told("presidio.pii", {**SERVER, "redact": redact}, TEXT, analyzed([{**SPANS[0], **place}]))
        assert (judgement.verdict, judgement.error, judgement.edits) == (False, None, ())


def test_both_calls_have_the_time_of_the_check() -> None:
    way = Way(lambda request: OutboundReply(200, {}, json.dumps(SPANS if "analyze" in request.url else {}).encode()))
    asked("presidio.pii", {**BOTH, "timeout": 700}, TEXT, way)
    assert [request.timeout for request in way.sent] == [0.7, 0.7]


def test_what_is_refused() -> None:
    assert refused("presidio.pii", {}) == "p.analyzerUrl"
    assert refused("presidio.pii", {**SERVER, "operators": OPERATORS}) == "p.anonymizerUrl"
