"""Why an answer ended: the one table of finish reasons for all wires, in OpenAI's words.

Every dialect and both lanes look words up here. Case doesn't count, and ``content_filter: RECITATION`` (Google's OpenAI
endpoint) counts by the word after the colon. A word that the table doesn't know is passed on as it came: a cut answer
never looks finished because its provider uses a new word. Sources: docs/fidelity.md#finish-reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

STOP: Final = "stop"
LENGTH: Final = "length"
TOOL_CALLS: Final = "tool_calls"
CONTENT_FILTER: Final = "content_filter"
FAILED: Final = "failed"
"""The meaning of words that say that no whole answer came about. It is no finish reason: such a reply is an error."""

UNKNOWN: Final = "unknown"
"""What a wire that demands a reason says of an answer whose end was told without one. No client takes it for the end of
a whole answer; a wire that can leave the reason out, or has a word of its own for this, does so."""

FAILED_STATUS: Final = 502
"""The HTTP status of a reply that ended by a word of failure and names none."""

_WORDS: Final[Mapping[str, str]] = {
    STOP: """
        stop stop_sequence end_turn eos eos_token stop_token complete completed compaction pause_turn load unload
    """,
    LENGTH: """
        length max_tokens max_output_tokens max_length model_length token_limit time_limit timeout error_limit
        model_context_window_exceeded
    """,
    TOOL_CALLS: "tool_calls tool_call tool_use function_call",
    CONTENT_FILTER: """
        content_filter content_filtered safety sensitive refusal recitation language blocklist prohibited_content spii
        model_armor image_safety image_prohibited_content image_recitation guardrail_intervened error_toxic
    """,
    FAILED: """
        error error_finish failed failure fail network_error server_error internal_error model_error user_cancel
        insufficient_system_resource abort aborted cancel cancelled canceled interrupted engine_abort
        malformed_function_call unexpected_tool_call too_many_tool_calls missing_thought_signature malformed_response
        malformed_tool_use malformed_model_output
    """,
}
_MEANINGS: Final[Mapping[str, str]] = {word: meaning for meaning, words in _WORDS.items() for word in words.split()}
_GOES_ON: Final = frozenset({"pause_turn", "compaction"})
"""Stops of a turn that isn't over: the client continues it."""
_WHOLE: Final = frozenset(
    spelled
    for word, meaning in _MEANINGS.items()
    if meaning in (STOP, TOOL_CALLS) and word not in _GOES_ON
    for spelled in (word, word.upper())
)
"""Words of whole answers, as hosts spell most of them: found by one look."""
_OPENAIS: Final = frozenset({STOP, LENGTH, TOOL_CALLS, CONTENT_FILTER})


def meaning_of(native: str) -> str:
    """The meaning of a provider's finish reason: one of the constants above, or "" for an unknown word."""
    meaning = _MEANINGS.get(native)
    if meaning is None:
        word = native.strip().lower()
        meaning = _MEANINGS.get(word)
        if meaning is None and ":" in word:
            meaning = _MEANINGS.get(word.rpartition(":")[2].strip())
    return meaning or ""


def openai_reason(native: str, *, has_calls: bool = False) -> str:
    """OpenAI's word for a provider's word; an unknown word, and one that means failure, as it came.

    ``has_calls``: after calls of tools a plain stop is ``tool_calls``.
    """
    if native in _OPENAIS:
        reason = native
    else:
        meaning = meaning_of(native)
        reason = native if meaning in ("", FAILED) else meaning
    return TOOL_CALLS if has_calls and reason == STOP else reason


def is_failure(native: Any) -> bool:
    """Whether a finish reason says that no whole answer came about."""
    return isinstance(native, str) and meaning_of(native) == FAILED


def is_complete(reason: Any) -> bool:
    """Whether an answer that ended for this reason is whole: neither cut nor filtered, and for a known reason."""
    if not isinstance(reason, str):
        return False
    return reason in _WHOLE or (meaning_of(reason) in (STOP, TOOL_CALLS) and reason not in _GOES_ON)


def broken_off(member: str, word: str) -> str:
    """The message for an answer that ended by a word of failure, which the wire has in ``member``."""
    return f"the answer was broken off ({member}: {word})"
