"""Mistral's models. Magistral always thinks; from Small 4 and Medium 3.5 on one model does both, as it is told."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from penstock.core.traits import Traits
from penstock.traits.row import Row, words

_DOCS: Final = "https://docs.mistral.ai/"
_ADJUSTABLE: Final = _DOCS + "capabilities/reasoning/adjustable"
_NATIVE: Final = _DOCS + "capabilities/reasoning/native"
_MODELS: Final = _DOCS + "getting-started/models"

_ADJUSTED: Final = Traits(family="mistral-adjustable", thinking="effort", efforts=words("none", "high"))
_TEXT: Final = Traits(vision=False)

ROWS: Final = (
    Row(
        "magistral",
        Traits(family="magistral", can_stop_thinking=False, thinks_unasked=True),
        _NATIVE,
        "has a prompt_mode, no effort",
    ),
    Row("mistral-small-latest", _ADJUSTED, _ADJUSTABLE),
    Row("mistral-small-2603", _ADJUSTED, _ADJUSTABLE),
    Row("mistral-small-4", _ADJUSTED, _ADJUSTABLE),
    Row("mistral-medium-3.5", _ADJUSTED, _ADJUSTABLE),
    Row("mistral-medium-2604", _ADJUSTED, _ADJUSTABLE),
    Row("mistral-medium", Traits(family="mistral-medium"), _MODELS),
    Row("mistral-large-24##", replace(_TEXT, family="mistral-large-2"), _MODELS, "Large 3 sees"),
    Row("mistral-small-24##", replace(_TEXT, family="mistral-small-2"), _MODELS, "sees from 3.1 (2503) on"),
    Row("mistral-small-2501", replace(_TEXT, family="mistral-small-3"), _MODELS, "sees from 3.1 (2503) on"),
    Row(
        "open-mi",
        replace(_TEXT, family="open-mistral"),
        _MODELS,
        "open-mistral-7b, open-mixtral-8x22b, open-mistral-nemo",
    ),
    Row("mistral-nemo", replace(_TEXT, family="open-mistral"), _MODELS),
    Row("mistral-7b", replace(_TEXT, family="open-mistral"), _MODELS),
    Row("mixtral", replace(_TEXT, family="open-mistral"), _MODELS),
    Row("codestral", replace(_TEXT, family="codestral"), _MODELS),
    Row("voxtral", replace(_TEXT, family="voxtral"), _MODELS, "hears, but doesn't see"),
    Row("pixtral", Traits(family="pixtral"), _MODELS),
    Row("mistral", Traits(family="mistral"), _MODELS),
)
