"""Embeddings of Voyage AI."""

from __future__ import annotations

import json

from embedding import bodies, refused, told, vectors, written
from penstock.core.failure import Failure
from penstock.dialects.embeddings.voyage import write
from penstock.dialects.task_dialect import WholeReply


def test_its_names() -> None:
    payload = written(
        write, "voyage-3", input=["a", "b"], dimensions=256, input_type="search_query", encoding_format="float", truncation=True
    )  # fmt: skip
    assert bodies(payload) == [
        {"model": "voyage-3", "input": ["a", "b"], "input_type": "query", "output_dimension": 256, "truncation": True}
    ]
    items = [{"embedding": [2.5], "index": 1}, {"embedding": [1.5], "index": 0}]
    reply = told(payload, {"object": "list", "data": items, "usage": {"total_tokens": 9}})
    assert (vectors(reply), reply["usage"]["prompt_tokens"]) == ([[1.5], [2.5]], 9)


def test_base64_is_its_own() -> None:
    payload = written(write, "voyage-3", input="a", encoding_format="base64")
    assert bodies(payload)[0]["encoding_format"] == "base64"
    assert vectors(told(payload, {"data": [{"embedding": "AADAPw==", "index": 0}]})) == ["AADAPw=="]


def test_refusals() -> None:
    assert "at most 1000" in refused(write, "m", input=["a"] * 1001).message
    assert "text only" in refused(write, "m", input=[{"image": "data:image/png;base64,QQ=="}]).message
    assert refused(write, "m").param == "input"
    assert isinstance(written(write, "m", input="a").read([WholeReply([], b"x")]), Failure)


def test_every_vector_belongs_to_an_input() -> None:
    payload = written(write, "voyage-3", input=["a", "b"])
    twice = [{"embedding": [1.5], "index": 0}, {"embedding": [2.5], "index": 0}]
    assert isinstance(payload.read([WholeReply([], json.dumps({"data": twice}).encode())]), Failure)
    right = [{"embedding": [1.5], "index": 0}, {"embedding": [2.5], "index": 1}]
    assert vectors(told(payload, {"data": right, "usage": None})) == [[1.5], [2.5]]
