"""Embeddings in hosts' own wires: Gemini, Vertex AI, Bedrock, Cohere, Voyage."""

from __future__ import annotations

from typing import Final

from penstock.dialects.embeddings import bedrock, cohere, gemini, vertex, voyage
from penstock.dialects.task_dialect import TaskDialect

BEDROCK: Final = TaskDialect("bedrock_embeddings", bedrock.write)
COHERE: Final = TaskDialect("cohere_embeddings", cohere.write)
GEMINI: Final = TaskDialect("gemini_embeddings", gemini.write)
VERTEX: Final = TaskDialect("vertex_embeddings", vertex.write)
VOYAGE: Final = TaskDialect("voyage_embeddings", voyage.write)
