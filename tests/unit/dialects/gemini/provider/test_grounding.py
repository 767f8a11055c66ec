"""Sources in the text that they support, and log probabilities."""

from typing import Any

import pytest

from gemini_replies import BARE, CONTEXT, STOP, WEB, answered, call, grounded, response, said, segment, streamed, whole
from penstock.core.events import (
    Citation,
    Event,
    Extra,
    Logprobs,
    Text,
)
from penstock.dialects.gemini.provider import candidate as gemini_candidate


def citations(events: list[Event]) -> list[Citation]:
    return [event for event in events if isinstance(event, Citation)]


def test_places_of_citations_are_bytes_and_become_characters() -> None:
    place = segment(7, 16, "🙂 Grü")
    grounding = grounded({"segment": place, "groundingChunkIndices": [0, 1, 2, 7, "0"]})
    expected = [
        Citation({"segment": place, **WEB}, "https://example.com/a", "A", 5, 10),
        Citation({"segment": place, **CONTEXT}, "gs://b/doc", "Doc", 5, 10),
        Citation({"segment": place, **BARE}, "", "", 5, 10),
    ]
    text = "Äöx, 🙂 Grüße."
    assert text.encode()[7:16].decode() == "🙂 Grü"
    assert text[5:10] == "🙂 Grü"
    found = whole(response(said(text), finish="STOP", groundingMetadata=grounding))
    assert citations(found) == expected
    assert found[-2:] == [Extra("groundingMetadata", grounding, 0), STOP]
    pieces = [response(said("Äö"), groundingMetadata={}), response(said("x, 🙂 G"))]
    assert citations(streamed(*pieces, response(said("rüße."), finish="STOP", groundingMetadata=grounding))) == expected


@pytest.mark.parametrize(
    ("place", "start", "end"),
    [
        (segment(0, 2, "be", partIndex=2), 4, 6),  # in its part
        (segment(0, 2, partIndex=2), 4, 6),
        (segment(0, 2, partIndex=9), 0, 2),
        (segment(5, 8, "ta"), 6, 8),  # where its text stands
        (segment(5, 8, "nowhere"), None, None),
        (segment(0, 0), None, None),
        (segment(5, 3), None, None),
        ({}, None, None),
        ({"startIndex": "1", "endIndex": [2], "text": 3}, None, None),
    ],
)
def test_places_of_citations_in_several_parts(place: dict[str, Any], start: int | None, end: int | None) -> None:
    grounding = grounded({"segment": place, "groundingChunkIndices": [0]})
    parts = [said("alph"), said("hm", thought=True), said("beta"), said("")]
    (found,) = citations(whole(response(*parts, finish="STOP", groundingMetadata=grounding)))
    assert (found.start, found.end) == (start, end)


def test_parts_count_in_places_whatever_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    grounding = grounded({"segment": segment(0, 1, "b", partIndex=4), "groundingChunkIndices": [0]})
    parts = [said("b"), said(""), said("", thoughtSignature="c2ln"), call("f"), said("b")]
    value = response(*parts, finish="STOP", groundingMetadata=grounding)
    (found,) = citations(whole(value))
    assert (found.start, found.end) == (1, 2)
    monkeypatch.setattr(gemini_candidate, "_KEPT_TEXT", 1)  # beyond, nothing is kept
    (found,) = citations(whole(value))
    assert (found.start, found.end) == (0, 1)


def test_sources_that_support_nothing_in_particular() -> None:
    grounding = {"groundingChunks": [WEB]}
    found = citations(whole(response(said("A"), said("B"), finish="STOP", groundingMetadata=grounding)))
    assert found == [Citation(WEB, "https://example.com/a", "A")]
    assert citations(whole(response(said("A"), finish="STOP", groundingMetadata=[1]))) == []


def test_logprobs() -> None:
    result = {
        "chosenCandidates": [
            {"token": "é", "logProbability": -0.5, "tokenId": 3},
            {"token": "b"},
            {"token": 4},
            {"token": "d", "logProbability": 10**400},
        ],
        "topCandidates": [
            {"candidates": [{"token": "a", "logProbability": -1}, {"token": "c", "logProbability": "x"}]}
        ],
    }
    content = (
        {
            "token": "é",
            "logprob": -0.5,
            "bytes": [195, 169],
            "top_logprobs": [{"token": "a", "logprob": -1, "bytes": [97]}],
        },
        {"token": "b", "logprob": 0, "bytes": [98], "top_logprobs": []},
    )
    assert whole(response(said("éb"), finish="STOP", logprobsResult=result)) == answered(Text("éb"), Logprobs(content))
