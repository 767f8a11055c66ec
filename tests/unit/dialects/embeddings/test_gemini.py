"""Embeddings of the Gemini API."""

from __future__ import annotations

from embedding import bodies, refused, told, vectors, written
from penstock.core.failure import Failure
from penstock.dialects.embeddings.gemini import write
from penstock.dialects.task_dialect import WholeReply


def test_a_request_for_each_input() -> None:
    payload = written(write, "gemini-embedding-001", input=["a", "b"], dimensions=3, input_type="query", title="t", x=1)
    common = {
        "model": "models/gemini-embedding-001",
        "taskType": "RETRIEVAL_QUERY",
        "title": "t",
        "outputDimensionality": 3,
    }
    assert bodies(payload) == [
        {"requests": [{**common, "content": {"parts": [{"text": text}]}} for text in ("a", "b")]},
    ]
    assert payload.dropped == ("x",)
    reply = told(
        payload, {"embeddings": [{"values": [1.5]}, {"values": [2.5]}], "usageMetadata": {"promptTokenCount": 4}}
    )
    assert vectors(reply) == [[1.5], [2.5]]
    assert reply["usage"] == {"prompt_tokens": 4, "total_tokens": 4}


def test_pictures_and_other_tasks() -> None:
    payload = written(write, "models/g", input=[{"image": "data:image/png;base64,QQ=="}], task_type="clustering")
    request = bodies(payload)[0]["requests"][0]
    assert request["content"] == {"parts": [{"inlineData": {"mimeType": "image/png", "data": "QQ=="}}]}
    assert (request["taskType"], request["model"]) == ("CLUSTERING", "models/g")


def test_refusals() -> None:
    assert "at most 100" in refused(write, "g", input=["a"] * 101).message
    assert refused(write, "g", input=[]).param == "input"
    payload = written(write, "g", input="a")
    assert isinstance(payload.read([WholeReply([], b"{}")]), Failure)
    assert isinstance(payload.read([WholeReply([], b'{"embeddings":[]}')]), Failure)
