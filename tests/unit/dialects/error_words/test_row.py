"""A row of words says where its words are from."""

from __future__ import annotations

import pytest

from penstock.core.outcome import ErrorClass
from penstock.dialects.error_words.row import ErrorWords


@pytest.mark.parametrize(
    ("link", "found", "evidence"),
    [
        ("https://docs.z.ai/api-reference/api-code", True, "document"),
        ("https://github.com/ggml-org/llama.cpp/blob/master/tools/server/server-common.cpp", True, "source code"),
        ("https://github.com/cline/cline/issues/5474", True, "not documented; from a report"),
        ("https://github.com/agno-agi/agno/blob/main/tests/x.py", True, "not documented; from a client's code"),
        ("https://docs.z.ai/api-reference/api-code", False, "not found"),
    ],
)
def test_where_words_are_from(link: str, found: bool, evidence: str) -> None:
    assert ErrorWords("x", ErrorClass.QUOTA, "x", (), link, found=found).evidence == evidence
