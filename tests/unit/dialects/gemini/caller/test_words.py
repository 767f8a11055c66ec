"""Parts that only Google has, in words."""

from typing import Any

import pytest

from penstock.dialects.gemini.caller.words import in_words


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"executableCode": {"language": "PYTHON", "code": "1"}}, "```python\n1\n```"),
        ({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}}, "[OUTCOME_OK: 2]"),
        ({"toolCall": {"id": "1"}}, '[toolCall: {"id":"1"}]'),
        ({"unknown": {}}, ""),
    ],
)
def test_words(part: Any, words: str) -> None:
    assert in_words(part) == words
