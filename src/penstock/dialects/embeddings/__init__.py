"""Embeddings in hosts' own wires: Gemini, Vertex AI, Bedrock, Cohere, Voyage."""

from __future__ import annotations

from typing import Final

from penstock.dialects.embeddings import bedrock, cohere, gemini, vertex, voyage
from penstock.dialects.task_dialect import TaskDialect

DIALECTS: Final = (
    TaskDialect("bedrock_embeddings", bedrock.write),
    TaskDialect("cohere_embeddings", cohere.write),
    TaskDialect("gemini_embeddings", gemini.write),
    TaskDialect("vertex_embeddings", vertex.write),
    TaskDialect("voyage_embeddings", voyage.write),
)
