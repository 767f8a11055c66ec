"""Vendors that Portkey knows by a slug, or that callers ask for, and that have no chat to serve, each with the reason.

A slug is here or a row, never both. What each says is shown in docs/providers.md.
"""

from __future__ import annotations

from typing import Final

import msgspec


class NotServed(msgspec.Struct, frozen=True):
    """One vendor. ``reason`` is one sentence, ``link`` the page that it rests on."""

    slug: str
    name: str
    reason: str
    link: str


NOT_SERVED: Final[tuple[NotServed, ...]] = (
    NotServed("meshy", "Meshy", "It makes 3D models; it has no chat.", "https://docs.meshy.ai/en"),
    NotServed("milvus", "Milvus", "It is a vector database.", "https://milvus.io/docs"),
    NotServed(
        "nomic",
        "Nomic",
        "Its API makes embeddings only.",
        "https://docs.nomic.ai/reference/api/embed-text-v-1-embedding-text-post",
    ),
    NotServed(
        "palm",
        "Google PaLM",
        "Google shut the PaLM API down in 2024: use google.",
        "https://ai.google.dev/palm_docs/deprecation",
    ),
    NotServed("qdrant", "Qdrant", "It is a vector database.", "https://qdrant.tech/documentation/"),
    NotServed(
        "recraft-ai",
        "Recraft",
        "It makes and edits images; it has no chat.",
        "https://www.recraft.ai/docs/api-reference/endpoints",
    ),
    NotServed(
        "replicate",
        "Replicate",
        "An answer takes several requests (make a prediction, poll it or open its stream), and each model has an "
        "input of its own.",
        "https://replicate.com/docs/topics/predictions/create-a-prediction",
    ),
    NotServed(
        "stability-ai",
        "Stability AI",
        "It makes images, sound and 3D models; it has no chat.",
        "https://platform.stability.ai/docs/api-reference",
    ),
    NotServed(
        "tripo3d", "Tripo", "It makes 3D models; it has no chat.", "https://platform.tripo3d.ai/docs/introduction"
    ),
)
"""Alphabetical by slug."""
