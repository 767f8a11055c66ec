"""Pieces of chunks and completions: counts, annotations."""

from __future__ import annotations

from answering import plain
from penstock.core.events import (
    Text,
)
from penstock.core.usage import Usage


def test_counts() -> None:
    tokens = Usage(10, 5, 15, 4, 3, 2, 1, 1)
    assert plain([Text("x"), tokens])["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 1},
        "cache_read_input_tokens": 4,
        "cache_creation_input_tokens": 3,
    }
    assert "usage" not in plain([Text("x"), Usage(native={"a": 1})])
