"""Families of makers with one or two rows: MiniMax, Perplexity, Writer."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from penstock.core.traits import Traits
from penstock.traits.row import Row, words

_MINIMAX: Final = "https://platform.minimax.io/docs/api-reference/text-openai-api"
_SONAR: Final = "https://docs.perplexity.ai/getting-started/models"
_PALMYRA: Final = "https://dev.writer.com/models"

_SONAR_CHAT: Final = Traits(family="sonar", tools=False)
_SONAR_REASONS: Final = replace(_SONAR_CHAT, family="sonar-reasoning", can_stop_thinking=False, thinks_unasked=True)
_RESEARCH: Final = replace(
    _SONAR_REASONS,
    family="sonar-deep-research",
    thinking="effort",
    efforts=words("minimal", "low", "medium", "high"),
)
_M2: Final = Traits(family="minimax-m2", can_stop_thinking=False, thinks_unasked=True, vision=False)

ROWS: Final = (
    Row("minimax-m3", Traits(family="minimax-m3", thinking="switch", thinks_unasked=True), _MINIMAX),
    Row("minimax-m2", _M2, _MINIMAX, "thinks even when told not to"),
    Row("sonar-deep-research", _RESEARCH, _SONAR),
    Row("sonar-reasoning", _SONAR_REASONS, _SONAR),
    Row("sonar", _SONAR_CHAT, _SONAR),
    Row("palmyra", Traits(family="palmyra", vision=False), _PALMYRA),
)
