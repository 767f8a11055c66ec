"""Pieces of Cohere's replies."""

import pytest

from penstock.core.events import Citation, Logprobs, Stop
from penstock.dialects.cohere.caller.members import call_id, citations_of, finish_reason, logprobs_of, tokens_of


@pytest.mark.parametrize(
    ("stop", "has_calls", "expected"),
    [
        (None, False, "unknown"),
        (None, True, "unknown"),
        (Stop("stop"), True, "TOOL_CALL"),
        (Stop("tool_calls"), False, "TOOL_CALL"),
        (Stop("length"), True, "MAX_TOKENS"),
        (Stop("stop", detail="context"), False, "MAX_TOKENS"),
        (Stop("stop", sequence="x"), False, "STOP_SEQUENCE"),
        (Stop("content_filter"), False, "ERROR"),
        (Stop("content_filter", detail="refusal"), False, "COMPLETE"),
        (Stop("new_word"), False, "new_word"),
    ],
)
def test_reasons(stop: Stop | None, has_calls: bool, expected: str) -> None:
    assert finish_reason(stop, has_calls=has_calls) == expected


def test_sources_stand_in_their_blocks() -> None:
    texts = [(0, "ab"), (0, "cd"), (2, "efg")]
    found = citations_of(
        [Citation({}, "https://x", "X", 1, 3), Citation({}, "https://y", "", 5, 7), Citation({}, "u")], texts
    )
    assert [(each["start"], each["end"], each["text"], each["content_index"]) for each in found] == [
        (1, 3, "bc", 0), (1, 3, "fg", 2), (0, 7, "abcdefg", 0),
    ]  # fmt: skip
    document = found[0]["sources"][0]
    assert document == {
        "type": "document",
        "id": "doc:0",
        "document": {"id": "doc:0", "url": "https://x", "title": "X"},
    }
    assert citations_of([Citation({}, "u", start=3)], [])[0]["content_index"] == 0


def test_ids_and_likelihoods() -> None:
    assert (call_id("a", 0) == call_id("a", 0), call_id("a", 0) == call_id("a", 1)) == (True, False)
    tokens = tokens_of([Logprobs(({"token": "a", "logprob": -1},)), Logprobs(({"token": "b"},))])
    assert [each["logprobs"] for each in logprobs_of(tokens)] == [[-1], [0]]
