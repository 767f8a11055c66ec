"""The process that reads the library genai-prices: ``python -m penstock.stores.price_conversion`` writes a price table.

The library's import takes 0.4 s and 32 MB, half of what the gateway itself takes at start: the gateway never imports
it. It runs this module once for a release of the library (prices.py) and keeps the table, of 0.4 MB.
"""

from __future__ import annotations

import sys
from typing import Final

from penstock.installed import version_of

LIBRARY: Final = "genai-prices"


def library_version() -> str | None:
    """The release of the library that is installed; None without it."""
    return version_of(LIBRARY)


def converted(version: str) -> bytes:
    """The library's prices as the document of a price table. Imports the library."""
    from genai_prices.data import providers
    from genai_prices.data_units import unit_data

    from penstock.prices import genai

    return genai.convert(providers, unit_data, version)


if __name__ == "__main__":
    sys.stdout.buffer.write(converted(sys.argv[1]))
