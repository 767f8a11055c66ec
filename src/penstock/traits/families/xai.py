"""xAI's Grok. A model that reasons refuses penalties and stop sequences; from 4.3 on it is told how much."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from penstock.core.traits import Traits
from penstock.traits.row import Row, words

_REASONING: Final = "https://docs.x.ai/developers/model-capabilities/text/reasoning"
_MODELS: Final = "https://docs.x.ai/developers/models"

_UNTOLD: Final = Traits(
    family="grok-4",
    refuses=frozenset({"presence_penalty", "frequency_penalty", "stop", "reasoning_effort"}),
    can_stop_thinking=False,
    thinks_unasked=True,
)
_TOLD: Final = Traits(
    family="grok-4.5",
    refuses=frozenset({"presence_penalty", "frequency_penalty", "stop"}),
    thinking="effort",
    efforts=words("low", "medium", "high"),
    can_stop_thinking=False,
    thinks_unasked=True,
)
_GROK_4_3: Final = replace(
    _TOLD, family="grok-4.3", efforts=words("none", "low", "medium", "high"), can_stop_thinking=True
)
_ON_BEDROCK: Final = {"bedrock": frozenset({"temperature", "top_p"})}
"""What Converse answers with an error."""

ROWS: Final = (
    Row("grok-4*non-reasoning", Traits(family="grok-4-non-reasoning"), _MODELS),
    Row(
        "grok-4.20-multi-agent",
        replace(_TOLD, family="grok-multi-agent", efforts=words("low", "medium", "high", "xhigh"), tools=False),
        _MODELS,
    ),
    Row("grok-4.3", _GROK_4_3, _REASONING, refuses_at=_ON_BEDROCK),
    Row("grok-latest", _GROK_4_3, _REASONING, "an alias of the newest"),
    Row("grok-4.5", _TOLD, _REASONING, "knows no effort none, unlike 4.3", refuses_at=_ON_BEDROCK),
    Row("grok-build-latest", _TOLD, _REASONING, "an alias of 4.5"),
    Row("grok-4", _UNTOLD, _REASONING, "thinks as it likes", refuses_at=_ON_BEDROCK),
    Row("grok-code", replace(_UNTOLD, family="grok-code", vision=False), _MODELS, "thinks as it likes"),
    Row("grok-build", replace(_UNTOLD, family="grok-build"), _MODELS, "thinks as it likes"),
    Row("grok-3-mini", replace(_TOLD, family="grok-3-mini", efforts=words("low", "high"), vision=False), _REASONING),
    Row("grok-3", Traits(family="grok-3", vision=False), _MODELS),
    Row("grok-2-vision", Traits(family="grok-2-vision"), _MODELS),
    Row("grok-2", Traits(family="grok-2", vision=False), _MODELS),
)
