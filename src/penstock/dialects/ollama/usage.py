"""What Ollama counts, in its words and in OpenAI's. Source: Ollama API documentation, "Generate a chat message"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.core import json_text
from penstock.core.usage import Usage

COUNTS: Final = ("prompt_eval_count", "eval_count")


def read_usage(line: Mapping[str, Any]) -> Usage | None:
    """The counts of a reply's last line; a count that is 0 is left out there. None without any."""
    prompt, completion = json_text.integers(line, COUNTS)
    if prompt is None and completion is None:
        return None
    total = None if prompt is None or completion is None else prompt + completion
    return Usage(prompt, completion, total, native={name: line[name] for name in COUNTS if name in line})


def write_usage(usage: Usage | None) -> dict[str, int]:
    """The counts for the last line; empty where none is known."""
    counts = (None, None) if usage is None else (usage.prompt, usage.completion)
    return {name: count for name, count in zip(COUNTS, counts, strict=True) if count is not None}
