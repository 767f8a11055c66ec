"""Text that nobody sees is found, and joiners that letters and emoji need are none."""

from __future__ import annotations

import pytest

from judging import judged

ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize(
    "text", ["a\u200bb", "\u202ereversed", "hi\U000e0049\U000e0067", "a\u200db", "soft\u00adhyphen"]
)
def test_what_is_found(text: str) -> None:
    assert not judged("penstock.invisible", {}, text).verdict
    judgement = judged("penstock.invisible", {"strip": True}, text)
    assert judgement.verdict
    assert {edit.replacement for edit in judgement.edits} == {""}


@pytest.mark.parametrize(
    "text", ["plain", "é, 漢字", "\U0001f469\u200d\U0001f4bb", "می\u200cخواهم", ENGLAND, "\u2764\ufe0f"]
)
def test_what_belongs_to_the_text(text: str) -> None:
    assert judged("penstock.invisible", {}, text).verdict
