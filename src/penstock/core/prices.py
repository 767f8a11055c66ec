"""The prices of one model, as an estimate of a request needs them (limits/estimate.py, prices/book.py)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Prices(msgspec.Struct, frozen=True):
    """The prices of one model in picodollars a unit. For a strict estimate ``input`` is the highest of all that a token
    of the prompt may cost: plain, written to a cache, in a long context. ``request`` is a fixed price, ``calls`` are
    prices of tools' calls."""

    input: int
    output: int
    request: int = 0
    calls: Mapping[str, int] = {}
