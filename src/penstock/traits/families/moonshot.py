"""Moonshot's Kimi. At its own platform the K series fixes how it is sampled; other hosts let callers choose."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from penstock.core.traits import Traits
from penstock.traits.row import Row, words

_MODELS: Final = "https://platform.kimi.ai/docs/api/models-overview"

_FIXED: Final = frozenset({"temperature", "top_p", "n", "presence_penalty", "frequency_penalty"})
_K3: Final = Traits(
    family="kimi-k3",
    thinking="effort",
    efforts=words("low", "high", "max"),
    can_stop_thinking=False,
    thinks_unasked=True,
)
_ALWAYS: Final = Traits(family="kimi-k2.7", can_stop_thinking=False, thinks_unasked=True)
_SWITCH: Final = Traits(family="kimi-k2.5", thinking="switch", thinks_unasked=True)
_TEXT: Final = Traits(vision=False)

_UNFORCED: Final = "thinking and a forced tool choice exclude each other"

_AT_HOME: Final = (
    Row("kimi-k3", replace(_K3, refuses=_FIXED), _MODELS),
    Row("kimi-k2.7", replace(_ALWAYS, refuses=_FIXED, forced_tools=False), _MODELS, _UNFORCED),
    Row("kimi-k2.6", replace(_SWITCH, refuses=_FIXED, forced_tools=False), _MODELS, _UNFORCED),
    Row("kimi-k2.5", replace(_SWITCH, refuses=_FIXED, forced_tools=False), _MODELS, _UNFORCED),
)
ROWS: Final = (
    *(replace(row, provider="moonshot") for row in _AT_HOME),
    Row("kimi-k3", _K3, _MODELS),
    Row("kimi-k2.7", _ALWAYS, _MODELS),
    Row("kimi-k2.6", _SWITCH, _MODELS),
    Row("kimi-k2.5", _SWITCH, _MODELS),
    Row("kimi-k2-thinking", replace(_ALWAYS, family="kimi-k2-thinking", vision=False), _MODELS),
    Row("kimi-k2", replace(_TEXT, family="kimi-k2"), _MODELS),
    Row("moonshot-v1*vision", Traits(family="moonshot-v1-vision"), _MODELS),
    Row("moonshot-v1", replace(_TEXT, family="moonshot-v1"), _MODELS),
)
