"""Embeddings of Cohere."""

from __future__ import annotations

import pytest

from embedding import bodies, refused, told, vectors, written
from penstock.core.failure import Failure
from penstock.dialects.embeddings.cohere import write
from penstock.dialects.task_dialect import WholeReply


def test_every_request_says_what_its_texts_are_for() -> None:
    payload = written(write, "embed-v4.0", input="a", dimensions=256, truncate="END", x=1)
    assert bodies(payload) == [
        {
            "model": "embed-v4.0", "input_type": "search_document", "embedding_types": ["float"], "texts": ["a"],
            "output_dimension": 256, "truncate": "END",
        }
    ]  # fmt: skip
    assert payload.dropped == ("x",)
    reply = told(payload, {"embeddings": {"float": [[0.5]]}, "meta": {"billed_units": {"input_tokens": 2}}})
    assert (vectors(reply), reply["usage"]["total_tokens"]) == ([[0.5]], 2)


@pytest.mark.parametrize(
    ("asked", "sent"), [("query", "search_query"), ("passage", "search_document"), ("classification", "classification")]
)
def test_purposes(asked: str, sent: str) -> None:
    assert bodies(written(write, "m", input="a", input_type=asked))[0]["input_type"] == sent


def test_pictures() -> None:
    url = "data:image/png;base64,QQ=="
    members = bodies(written(write, "embed-v4.0", input=["a", {"image": url}]))[0]
    assert members["inputs"] == [
        {"content": [{"type": "text", "text": "a"}]},
        {"content": [{"type": "image_url", "image_url": {"url": url}}]},
    ]
    assert "texts" not in members


def test_refusals() -> None:
    assert "at most 96" in refused(write, "m", input=["a"] * 97).message
    assert refused(write, "m").param == "input"
    assert isinstance(written(write, "m", input="a").read([WholeReply([], b'{"embeddings":7}')]), Failure)


def test_counts_that_are_null() -> None:
    payload = written(write, "embed-v4.0", input="a")
    for meta in (None, {"billed_units": None}):
        assert vectors(told(payload, {"embeddings": {"float": [[0.5]]}, "meta": meta})) == [[0.5]]
