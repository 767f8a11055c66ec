"""Texts in languages that a config allows."""

from __future__ import annotations

from typing import Any

import pytest

from judging import guards_of, judged

ENGLISH, GERMAN = "How do I reef the mainsail in this wind?", "Wie reffe ich das Großsegel bei diesem Wind?"


def test_a_language_that_is_allowed() -> None:
    assert judged("penstock.language", {"languages": ["en", "fr"]}, ENGLISH).verdict
    judgement = judged("penstock.language", {"languages": ["en"]}, GERMAN)
    assert (judgement.verdict, judgement.data["language"]) == (False, "de")
    assert judged("penstock.language", {"languages": ["en"], "not": True}, GERMAN).verdict


def test_a_text_that_is_too_short_is_no_silent_pass() -> None:
    assert judged("penstock.language", {"languages": ["en"]}, "Hello").error is not None
    assert judged("penstock.language", {"languages": ["en"]}, "12345678901234567890").error is not None
    sure = {"languages": ["en"], "minConfidence": 1.1}
    assert judged("penstock.language", sure, ENGLISH).error is not None


def test_portkeys_check() -> None:
    judgement = judged("portkey.language", {"language": ["eng_Latn", "zho_Hans"]}, GERMAN)
    assert list(judgement.data) == [
        "verdict", "not", "explanation", "analysis", "detectedLanguage", "allowedLanguages", "textExcerpt",
    ]  # fmt: skip
    assert (judgement.verdict, judgement.data["detectedLanguage"]) == (False, "de")
    assert judged("portkey.language", {"language": "deu_Latn"}, GERMAN).verdict
    assert judged("portkey.language", {"language": "deu_Latn"}, "").error is not None


@pytest.mark.parametrize(
    ("name", "parameters", "path"),
    [
        ("penstock.language", {}, "languages"),
        ("penstock.language", {"languages": ["klingon"]}, "languages"),
        ("portkey.language", {"language": "tlh_Latn"}, "language"),
    ],
)
def test_parameters(name: str, parameters: dict[str, Any], path: str) -> None:
    _, problems = guards_of({"input_guardrails": [{name: parameters}]})
    assert problems == [f"config.input_guardrails[0].{name}.{path}"]
