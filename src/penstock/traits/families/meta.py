"""Meta's Llama. What a host makes of it differs; only what the weights can't do is here."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from penstock.core.traits import Traits
from penstock.traits.row import Row

_CARDS: Final = "https://www.llama.com/docs/model-cards-and-prompt-formats/"

_TEXT: Final = Traits(vision=False)

ROWS: Final = (
    Row("llama-4", Traits(family="llama-4"), _CARDS + "llama4"),
    Row("llama-3.2*11b", Traits(family="llama-3.2-vision"), _CARDS + "llama3_2"),
    Row("llama-3.2*90b", Traits(family="llama-3.2-vision"), _CARDS + "llama3_2"),
    Row("llama-3.2-vision", Traits(family="llama-3.2-vision"), _CARDS + "llama3_2", "how Ollama names it"),
    Row("llama-3.3", replace(_TEXT, family="llama-3.3"), _CARDS + "llama3_3"),
    Row("llama-3.2", replace(_TEXT, family="llama-3.2"), _CARDS + "llama3_2"),
    Row("llama-3.1", replace(_TEXT, family="llama-3.1"), _CARDS + "llama3_1"),
    Row("llama-3", replace(_TEXT, family="llama-3"), _CARDS + "meta-llama-3"),
    Row("llama-2", replace(_TEXT, family="llama-2"), _CARDS + "meta-llama-2"),
)
