"""Recorded embeddings of hosts with a wire of their own: what is written is what they took, what they say is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from embedding import told, vectors
from penstock.core.body import Body
from penstock.dialects.dialect import WriteContext
from penstock.dialects.registry import TASKS
from penstock.dialects.task_dialect import TaskPayload
from running import RECORDINGS, needs_recordings

pytestmark = needs_recordings
CASES = [
    ("bedrock", "bedrock_embeddings", "amazon.nova-2-multimodal-embeddings-v1:0"),
    ("cohere", "cohere_embeddings", "embed-v4.0"),
    ("gemini", "gemini_embeddings", "gemini-embedding-2"),
    ("vertex", "vertex_embeddings", "text-embedding-004"),
    ("voyage", "voyage_embeddings", "voyage-3-lite"),
]


def texts_in(body: Any) -> list[str]:
    """The inputs of a recorded request, in whatever member they are."""
    if "requests" in body:
        return [each["content"]["parts"][0]["text"] for each in body["requests"]]
    if "instances" in body:
        return [each["content"] for each in body["instances"]]
    if "singleEmbeddingParams" in body:
        return [body["singleEmbeddingParams"]["text"]["value"]]
    texts = body.get("texts") or body.get("input")
    return [texts] if isinstance(texts, str) else list(texts)


@pytest.mark.parametrize(("vendor", "wire", "model"), CASES)
def test_what_was_recorded(vendor: str, wire: str, model: str) -> None:
    seen = 0
    for path in sorted((RECORDINGS / "embeddings").glob(f"{vendor}-*.json")):
        recorded = json.loads(path.read_text("utf-8"))
        if recorded["response"]["status"] != 200:
            continue
        seen += 1
        texts = texts_in(recorded["request"]["body"])
        form = recorded["request"]["body"].get("encoding_format") or "float"
        body = Body.parse(json.dumps({"model": model, "input": texts, "encoding_format": form}).encode())
        payload = TASKS[wire].write(body, WriteContext(model, vendor))
        assert isinstance(payload, TaskPayload)
        assert texts_in(json.loads(payload.bodies[0])) == texts
        headers = tuple((name.encode(), str(value).encode()) for name, value in recorded["response"]["headers"].items())
        reply = told(payload, json.loads(recorded["response"]["body_text"]), headers=headers)
        found = vectors(reply)
        assert len(found) == len(texts)
        assert isinstance(found[0], str if form == "base64" else list)
        assert reply["usage"]["prompt_tokens"] > 0 or vendor == "gemini"
    assert seen
