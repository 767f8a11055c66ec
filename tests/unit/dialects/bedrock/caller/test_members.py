"""Stop reasons, sources and images as Converse tells them."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.chat import Echo
from penstock.core.events import Citation, Media, Stop
from penstock.dialects.bedrock.caller.members import (
    RESPONSE_FIELDS,
    call_id,
    citation,
    image,
    metrics,
    redacted,
    response_fields,
    stop_reason,
)
from penstock.dialects.caller import Caption


@pytest.mark.parametrize(
    ("stop", "has_calls", "told"),
    [
        (Stop("stop"), False, ("end_turn", None)),
        (Stop("stop", sequence="END"), False, ("stop_sequence", "END")),
        (Stop("stop"), True, ("tool_use", None)),
        (Stop("tool_calls"), True, ("tool_use", None)),
        (Stop("length", "MAX_TOKENS"), False, ("max_tokens", None)),
        (Stop("length", detail="context"), False, ("model_context_window_exceeded", None)),
        (Stop("content_filter"), False, ("content_filtered", None)),
        (Stop("content_filter", "guardrail_intervened"), False, ("guardrail_intervened", None)),
        (Stop("content_filter", "refusal", detail="refusal"), False, ("end_turn", None)),
        (Stop("stop", "pause_turn", detail="pause"), False, ("end_turn", None)),
        (Stop("new_word", "new_word"), False, ("new_word", None)),
        (Stop("new_word"), True, ("new_word", None)),
        (None, False, ("unknown", None)),
        (None, True, ("unknown", None)),
    ],
)
def test_why_a_message_ended(stop: Stop | None, has_calls: bool, told: tuple[str, str | None]) -> None:
    assert stop_reason(stop, None, has_calls=has_calls) == told


def test_a_maker_may_tell_the_sequence_apart() -> None:
    assert stop_reason(Stop("stop", "stop_sequence"), "X", has_calls=False) == ("stop_sequence", "X")


def test_fields_of_the_models_reply() -> None:
    echo = Echo({RESPONSE_FIELDS: b'["/stop_sequence","/delta/stop_sequence"]'})
    told = {"stop_sequence": "X", "delta": {"stop_sequence": "X"}}
    assert response_fields(echo, "X") == {"additionalModelResponseFields": told}
    assert response_fields(Echo(), "X") == {}


@pytest.mark.parametrize(
    ("event", "location"),
    [
        (Citation({"type": "url_citation"}, "https://x.org/a"), {"web": {"url": "https://x.org/a", "domain": "x.org"}}),
        (
            Citation({"type": "char_location", "document_index": 1, "start_char_index": 2, "end_char_index": 5}),
            {"documentChar": {"documentIndex": 1, "start": 2, "end": 5}},
        ),
        (
            Citation({"type": "search_result_location", "search_result_index": 0, "start_block_index": 1}),
            {"searchResultLocation": {"searchResultIndex": 0, "start": 1}},
        ),
    ],
)
def test_where_something_was_found(event: Citation, location: dict[str, Any]) -> None:
    told = citation(event)
    assert told is not None
    assert told["location"] == location


def test_sources_that_are_converses_own_and_that_are_none() -> None:
    own = {"title": "T", "location": {"web": {"url": "u"}}}
    assert citation(Citation(own)) == own
    assert citation(Citation({"type": "mystery"})) is None
    cited = citation(Citation({"type": "page_location", "cited_text": "so", "document_title": "D"}))
    assert cited == {"title": "D", "sourceContent": [{"text": "so"}], "location": {"documentPage": {}}}


def test_small_pieces() -> None:
    assert image(Media("image/png", "AA==")) == ("png", "AA==")
    assert image(Media("image/png", url="https://x")) is None
    assert image(Media("audio/wav", "AA==")) is None
    assert redacted("x") == "eA=="
    assert metrics(Caption("s", 1, "m", "p", elapsed=lambda: 1_234_500_000)) == {"latencyMs": 1234}
    assert call_id("s", 0) != call_id("s", 1)
