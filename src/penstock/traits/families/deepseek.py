"""DeepSeek's models: V4 thinks unless told not to, V3.1 and V3.2 when told to, R1 always.

Sampling parameters have no effect while V4 thinks, but are no error either: they pass.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from penstock.core.traits import Traits
from penstock.traits.row import EFFORTS, Row

_DOCS: Final = "https://api-docs.deepseek.com/"
_THINKING: Final = _DOCS + "guides/thinking_mode"
_REASONER: Final = _DOCS + "guides/reasoning_model"

_TEXT: Final = Traits(vision=False)
_SWITCH: Final = replace(_TEXT, family="deepseek-v3.1", thinking="switch")
_R1: Final = replace(_TEXT, family="deepseek-r1", can_stop_thinking=False, thinks_unasked=True)
_V4: Final = replace(
    _TEXT,
    family="deepseek-v4",
    thinking="effort",
    efforts={effort: effort for effort in EFFORTS},
    thinks_unasked=True,
)

ROWS: Final = (
    Row(
        "deepseek-v4",
        _V4,
        _THINKING,
        "takes every word of OpenAI's and knows low, high and max; thinking.type turns it off",
    ),
    Row("deepseek-flash", _V4, _THINKING),
    Row("deepseek-pro", _V4, _THINKING),
    Row("deepseek-v3.1", _SWITCH, _THINKING),
    Row("deepseek-v3.2", _SWITCH, _THINKING),
    Row("deepseek-v3-v1", _SWITCH, _THINKING, "how Bedrock writes V3.1"),
    Row("deepseek-chat-v3.1", _SWITCH, _THINKING, "how OpenRouter writes V3.1"),
    Row("deepseek-chat", replace(_SWITCH, family="deepseek-chat"), _THINKING, "an alias of the newest, not thinking"),
    Row("deepseek-v3", replace(_TEXT, family="deepseek-v3"), _DOCS + "news/news250325"),
    Row(
        "deepseek-reasoner",
        replace(_R1, family="deepseek-reasoner", refuses=frozenset({"logprobs", "top_logprobs"})),
        _REASONER,
        "an alias of the newest, thinking",
    ),
    Row("deepseek-r1", _R1, _REASONER),
)

FALLBACKS: Final = (Row("*", _V4, _THINKING, "the newest is understood best", provider="deepseek"),)
