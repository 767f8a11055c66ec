"""Embeddings of Vertex AI."""

from __future__ import annotations

from typing import Any

from embedding import bodies, refused, told, vectors, written
from penstock.core.failure import Failure
from penstock.dialects.embeddings.vertex import write
from penstock.dialects.task_dialect import WholeReply


def prediction(value: float, tokens: int) -> dict[str, Any]:
    return {"embeddings": {"values": [value], "statistics": {"token_count": tokens, "truncated": False}}}


def test_an_instance_for_each_text() -> None:
    payload = written(
        write, "text-embedding-005", input=["a", "b"], dimensions=3, input_type="document", truncate="NONE"
    )
    assert bodies(payload) == [
        {
            "instances": [{"content": text, "task_type": "RETRIEVAL_DOCUMENT"} for text in ("a", "b")],
            "parameters": {"outputDimensionality": 3, "autoTruncate": False},
        }
    ]
    reply = told(payload, {"predictions": [prediction(1.5, 2), prediction(2.5, 3)]})
    assert vectors(reply) == [[1.5], [2.5]]
    assert reply["usage"]["prompt_tokens"] == 5


def test_a_request_for_each_text_of_geminis_models() -> None:
    payload = written(write, "gemini-embedding-001", input=["a", "b"], truncation=True)
    assert bodies(payload) == [
        {"instances": [{"content": text}], "parameters": {"autoTruncate": True}} for text in ("a", "b")
    ]
    reply = told(payload, {"predictions": [prediction(1.5, 2)]}, {"predictions": [prediction(2.5, 3)]})
    assert vectors(reply) == [[1.5], [2.5]]
    assert "at most 64" in refused(write, "gemini-embedding-001", input=["a"] * 65).message


def test_refusals() -> None:
    assert "at most 250" in refused(write, "text-embedding-005", input=["a"] * 251).message
    assert "text only" in refused(write, "m", input=[{"image": "data:image/png;base64,QQ=="}]).message
    assert refused(write, "m", input="").param == "input"
    assert isinstance(written(write, "m", input="a").read([WholeReply([], b"[]")]), Failure)
