"""The built-in provider, which answers from inside the gateway (transport/echo)."""

from __future__ import annotations

from typing import Final

from penstock.core.operation import Operation
from penstock.dialects.chat_quirks import ChatQuirks
from penstock.providers.row import Key, Provider, chat_and_models

ECHO: Final = Provider(
    "echo",
    "Echo (built in)",
    "echo://echo",
    "docs/echo.md",
    chat_and_models(Operation.EMBEDDINGS, Operation.MODEL),
    key=Key.NONE,
    quirks=ChatQuirks(developer_role=True, stream_usage=True),
    notes="Answers from inside the gateway: no network, no key.",
)
