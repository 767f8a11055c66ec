"""Hosts that speak a dialect of their own and have nothing else that is special, alphabetical by slug."""

from __future__ import annotations

from typing import Final

from penstock.providers.row import Operation, Provider

ROWS: Final = (
    Provider(
        "cohere",
        "Cohere",
        "https://api.cohere.com",
        "https://docs.cohere.com/reference/chat",
        dialect="cohere",
        paths={Operation.CHAT: "/v2/chat"},
        env=("COHERE_API_KEY", "CO_API_KEY"),
    ),
)
