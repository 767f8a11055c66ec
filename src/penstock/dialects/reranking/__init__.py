"""Reranking in hosts' own wires: Cohere, Voyage, Bedrock."""

from __future__ import annotations

from functools import partial
from typing import Final

from penstock.dialects.reranking import wire
from penstock.dialects.task_dialect import TaskDialect

BEDROCK: Final = TaskDialect("bedrock_rerank", partial(wire.write, wire.BEDROCK))
COHERE: Final = TaskDialect("cohere_rerank", partial(wire.write, wire.COHERE))
VOYAGE: Final = TaskDialect("voyage_rerank", partial(wire.write, wire.VOYAGE))
