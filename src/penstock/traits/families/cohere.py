"""Cohere's models. Those that think do so unless told not to, within a budget if one is given."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from penstock.core.traits import Traits
from penstock.traits.row import Row

_DOCS: Final = "https://docs.cohere.com/docs/"

_THINKS: Final = Traits(
    family="command-a-plus",
    thinking="budget",
    budgets={"minimal": 1024, "low": 1024, "medium": 8192, "high": 16_384, "xhigh": 24_576, "max": 24_576},
    min_budget=1,
    thinks_unasked=True,
)
_TEXT: Final = Traits(vision=False)
_TOOLLESS: Final = Traits(tools=False)

ROWS: Final = (
    Row("command-a-plus", _THINKS, _DOCS + "reasoning"),
    Row(
        "command-a-reasoning",
        replace(_THINKS, family="command-a-reasoning", vision=False),
        _DOCS + "command-a-reasoning",
    ),
    Row("command-a-vision", replace(_TOOLLESS, family="command-a-vision"), _DOCS + "command-a-vision"),
    Row("command-a", replace(_TEXT, family="command-a"), _DOCS + "command-a"),
    Row("command-r", replace(_TEXT, family="command-r"), _DOCS + "command-r-plus"),
    Row(
        "command",
        replace(_TOOLLESS, family="command", vision=False, json_schema=False),
        _DOCS + "command-beta",
        "before Command R",
    ),
    Row("c4ai-aya-vision", replace(_TOOLLESS, family="aya-vision"), _DOCS + "aya-vision"),
    Row("c4ai-aya", replace(_TOOLLESS, family="aya", vision=False), _DOCS + "aya-expanse"),
)
