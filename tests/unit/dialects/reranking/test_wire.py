"""Reranking at Cohere, Voyage and Bedrock."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from embedding import bodies, refused, told, written
from penstock.core.failure import Failure
from penstock.dialects.reranking import wire
from penstock.dialects.task_dialect import WholeReply

COHERE, VOYAGE, BEDROCK = (partial(wire.write, form) for form in (wire.COHERE, wire.VOYAGE, wire.BEDROCK))
ASKED: dict[str, Any] = {"query": "q", "documents": ["a", {"text": "b", "id": 7}]}
RANKED = [{"index": 0, "relevance_score": 0.1}, {"index": 1, "relevance_score": 0.9}]


def test_cohere() -> None:
    payload = written(
        COHERE, "rerank-v3.5", **ASKED, top_n=5, return_documents=True, max_tokens_per_doc=9, rank_fields=["x"]
    )
    assert bodies(payload) == [
        {"model": "rerank-v3.5", "query": "q", "documents": ["a", "b"], "top_n": 2, "max_tokens_per_doc": 9}
    ]
    assert payload.dropped == ("rank_fields",)
    meta = {"billed_units": {"search_units": 1}}
    assert told(payload, {"id": "r", "results": RANKED, "meta": meta}) == {
        "id": "r", "meta": meta, "model": "rerank-v3.5",
        "results": [
            {"index": 1, "relevance_score": 0.9, "document": {"text": "b", "id": 7}},
            {"index": 0, "relevance_score": 0.1, "document": {"text": "a"}},
        ],
    }  # fmt: skip


def test_voyage() -> None:
    payload = written(VOYAGE, "rerank-2", **ASKED, top_n=1, truncation=True)
    assert bodies(payload) == [
        {"model": "rerank-2", "query": "q", "documents": ["a", "b"], "top_k": 1, "truncation": True}
    ]
    reply = told(payload, {"object": "list", "data": RANKED[1:], "usage": {"total_tokens": 26}})
    assert reply["results"] == [{"index": 1, "relevance_score": 0.9}]
    assert reply["usage"] == {"total_tokens": 26}


def test_bedrock() -> None:
    payload = written(BEDROCK, "cohere.rerank-v3-5:0", **ASKED)
    assert bodies(payload) == [{"api_version": 2, "query": "q", "documents": ["a", "b"]}]
    reranked = told(payload, {"results": RANKED})
    assert [each["index"] for each in reranked["results"]] == [1, 0]
    assert reranked["meta"] == {"billed_units": {"search_units": 1}}


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"documents": ["a"]}, "query"),
        ({"query": "q"}, "documents"),
        ({"query": "q", "documents": []}, "documents"),
        ({"query": "q", "documents": [1]}, "documents"),
        ({"query": "q", "documents": ["a"] * 1001}, "documents"),
        ({"query": "q", "documents": ["a"], "top_n": 0}, "top_n"),
    ],
)
def test_requests_that_are_refused(members: dict[str, Any], param: str) -> None:
    assert refused(COHERE, "m", **members).param == param


@pytest.mark.parametrize("body", [b"no", b"{}", b'{"results":[{"index":2,"relevance_score":1}]}', b'{"results":7}'])
def test_replies_that_are_none(body: bytes) -> None:
    assert isinstance(written(COHERE, "m", **ASKED).read([WholeReply([], body)]), Failure)
