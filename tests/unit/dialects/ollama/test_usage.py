"""Ollama's counts, both ways."""

from penstock.core.usage import Usage
from penstock.dialects.ollama.usage import read_usage, write_usage


def test_counts_go_there_and_back() -> None:
    counts = {"prompt_eval_count": 3, "eval_count": 2}
    usage = read_usage({**counts, "done": True})
    assert usage is not None
    assert (usage.prompt, usage.completion, usage.total) == (3, 2, 5)
    assert write_usage(usage) == counts


def test_what_is_not_known_is_left_out() -> None:
    assert read_usage({"done": True}) is None
    assert (write_usage(None), write_usage(Usage(4))) == ({}, {"prompt_eval_count": 4})
