"""Reranking in hosts' own wires: Cohere, Voyage, Bedrock."""

from __future__ import annotations

from functools import partial
from typing import Final

from penstock.dialects.reranking import wire
from penstock.dialects.task_dialect import TaskDialect

DIALECTS: Final = (
    TaskDialect("bedrock_rerank", partial(wire.write, wire.BEDROCK)),
    TaskDialect("cohere_rerank", partial(wire.write, wire.COHERE)),
    TaskDialect("voyage_rerank", partial(wire.write, wire.VOYAGE)),
)
