"""What the models of each family accept, as data: rows with their evidence, and the look-up by a model's name."""

from __future__ import annotations

from penstock.traits.resolve import ROWS, resolve, row_of
from penstock.traits.row import Row

__all__ = ["ROWS", "Row", "resolve", "row_of"]
