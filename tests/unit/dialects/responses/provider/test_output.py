"""Output items as they are told: pieces that come again, places of sources, scores, unknown items."""

from __future__ import annotations

from typing import Any

from penstock.core.events import Citation, Foreign, Logprobs, Refusal, Text, ToolArgs, ToolStart
from penstock.dialects.responses.provider.output import Output


def told(output: Output, kind: str, **members: Any) -> list[Any]:
    return list(output.readers[f"response.{kind}"](members))


def test_places_of_sources_count_the_whole_answer() -> None:
    output = Output()
    told(output, "output_text.delta", output_index=0, delta="12345")
    told(output, "output_text.delta", output_index=1, delta="abc")
    annotation = {"type": "url_citation", "url": "https://a", "start_index": 1, "end_index": 3}
    (citation,) = told(output, "output_text.annotation.added", output_index=1, annotation=annotation)
    assert citation == Citation(annotation, "https://a", "", 6, 8, 0, 1)


def test_scores_count_once() -> None:
    output, score = Output(), {"token": "a", "logprob": 0}
    assert told(output, "output_text.delta", delta="a", logprobs=[score]) == [Text("a"), Logprobs((score,))]
    assert told(output, "output_text.done", text="a", logprobs=[score]) == []
    other = Output()
    assert told(other, "output_text.delta", delta="a", logprobs=[]) == [Text("a")]
    assert told(other, "output_text.done", text="a", logprobs=[score]) == [Logprobs((score,))]


def test_arguments_without_their_call_are_nothing() -> None:
    assert told(Output(), "function_call_arguments.delta", output_index=0, delta="{}") == []


def test_a_call_that_is_told_again() -> None:
    output, item = Output(), {"type": "function_call", "id": "fc", "name": "f", "arguments": {"a": 1}}
    assert told(output, "output_item.added", output_index=0, item=item) == [ToolStart(0, "f", "fc")]
    assert told(output, "output_item.added", output_index=0, item=item) == []
    assert told(output, "output_item.done", output_index=0, item=item) == [ToolArgs('{"a":1}', 0)]
    assert told(output, "output_item.done", output_index=0, item=item) == []


def test_parts_that_a_host_counts_otherwise() -> None:
    output = Output()
    told(output, "output_text.delta", output_index=0, content_index=1, delta="hi")
    message = {"type": "message", "content": [{"type": "output_text", "text": "hi"}]}
    assert told(output, "output_item.done", output_index=0, item=message) == []


def test_items_of_openais_own() -> None:
    output = Output()
    (event,) = told(output, "output_item.done", output_index=0, item={"type": "mcp_call"})
    assert isinstance(event, Foreign)
    assert told(output, "output_item.done", output_index=1, item={}) == []


def test_an_empty_piece_hides_no_text() -> None:
    output = Output()
    assert told(output, "output_text.delta", output_index=0, delta="") == []
    assert told(output, "output_text.done", output_index=0, text="hi") == [Text("hi")]
    assert told(output, "refusal.delta", output_index=1, delta="") == []
    message = {"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}
    assert told(output, "output_item.done", output_index=1, item=message) == [Refusal("no")]


def test_sources_and_scores_that_come_with_the_whole_item_alone() -> None:
    output, score = Output(), {"token": "a", "logprob": 0}
    source = {"type": "url_citation", "url": "https://a", "title": "A", "start_index": 0, "end_index": 2}
    told(output, "output_text.delta", output_index=0, content_index=1, delta="hi")
    part = {"type": "output_text", "text": "hi", "annotations": [source], "logprobs": [score]}
    found = told(output, "output_item.done", output_index=0, item={"type": "message", "content": [part]})
    assert found == [Logprobs((score,)), Citation(source, "https://a", "A", 0, 2, 0, 0)]


def test_sources_that_came_in_pieces_are_not_told_again() -> None:
    output, source = Output(), {"type": "url_citation", "url": "https://a"}
    told(output, "output_text.delta", output_index=0, delta="hi")
    told(output, "output_text.annotation.added", output_index=0, annotation=source)
    message = {"type": "message", "content": [{"type": "output_text", "text": "hi", "annotations": [source]}]}
    assert told(output, "output_item.done", output_index=0, item=message) == []
