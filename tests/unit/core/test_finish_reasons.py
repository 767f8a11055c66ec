"""Why an answer ended: one table for all wires."""

from __future__ import annotations

import pytest

from penstock.core.finish_reasons import broken_off, is_complete, is_failure, openai_reason


@pytest.mark.parametrize(
    ("native", "told"),
    [
        ("stop", "stop"),
        ("function_call", "tool_calls"),
        ("eos_token", "stop"),
        ("eos", "stop"),
        ("end_turn", "stop"),
        ("COMPLETE", "stop"),
        ("max_tokens", "length"),
        ("MAX_TOKENS", "length"),
        ("model_length", "length"),
        ("model_context_window_exceeded", "length"),
        ("time_limit", "length"),
        ("TIMEOUT", "length"),
        ("tool_use", "tool_calls"),
        ("TOOL_CALL", "tool_calls"),
        ("sensitive", "content_filter"),
        ("guardrail_intervened", "content_filter"),
        ("content_filter: RECITATION", "content_filter"),
        ("insufficient_system_resource", "insufficient_system_resource"),
        ("ERROR", "ERROR"),
        ("repetition", "repetition"),
        ("OTHER", "OTHER"),
    ],
)
def test_openais_word_for_a_providers(native: str, told: str) -> None:
    assert openai_reason(native) == told


def test_calls_make_a_plain_stop_tool_calls_and_nothing_else() -> None:
    words = ("stop", "STOP", "length", "repetition")
    assert [openai_reason(word, has_calls=True) for word in words] == [
        "tool_calls",
        "tool_calls",
        "length",
        "repetition",
    ]


@pytest.mark.parametrize(
    "word",
    """
    error network_error insufficient_system_resource abort cancelled MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL
    malformed_tool_use malformed_model_output function_call_filter:MALFORMED_FUNCTION_CALL
    """.split(),
)
def test_words_of_failure(word: str) -> None:
    assert is_failure(word)
    assert not is_complete(word)


def test_only_known_good_ends_are_whole() -> None:
    assert all(map(is_complete, ("stop", "tool_calls", "end_turn", "function_call", "eos")))
    assert not any(map(is_complete, ("length", "content_filter", "pause_turn", "new_word", "", None, 3)))
    assert not any(map(is_failure, ("stop", "new_word", "", None, 3)))


def test_what_is_told_of_a_failure() -> None:
    assert broken_off("stop_reason", "error") == "the answer was broken off (stop_reason: error)"
