"""Z.ai's GLM: a switch makes it think, from 5.2 on with an effort beside it; 5.3 always thinks."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from penstock.core.traits import Traits
from penstock.traits.row import EFFORTS, Row, words

_THINKING: Final = "https://docs.z.ai/guides/capabilities/thinking-mode"
_MODELS: Final = "https://docs.z.ai/guides/overview/overview"

_SWITCH: Final = Traits(family="glm-5", thinking="switch", thinks_unasked=True, vision=False)
_SEES: Final = replace(_SWITCH, family="glm-v", vision=True)
_EFFORT: Final = replace(_SWITCH, family="glm-5.2", thinking="effort", efforts={effort: effort for effort in EFFORTS})

ROWS: Final = (
    Row(
        "glm-5.3",
        replace(_EFFORT, family="glm-5.3", efforts=words("low", "high", "max"), can_stop_thinking=False),
        _THINKING,
        "refuses thinking.type disabled",
    ),
    Row("glm-5.2", _EFFORT, _THINKING, "takes every word of OpenAI's; thinking.type turns it off"),
    Row("glm-5v", _SEES, _THINKING),
    Row("glm-5", _SWITCH, _THINKING),
    Row("glm-4.#v", _SEES, _THINKING),
    Row("glm-4.5", replace(_SWITCH, family="glm-4.5"), _THINKING),
    Row("glm-4.6", replace(_SWITCH, family="glm-4.5"), _THINKING),
    Row("glm-4.7", replace(_SWITCH, family="glm-4.5"), _THINKING),
    Row("glm-4v", Traits(family="glm-4v"), _MODELS),
    Row("glm-4", Traits(family="glm-4", vision=False), _MODELS),
    Row("glm-z1", Traits(family="glm-z1", can_stop_thinking=False, thinks_unasked=True, vision=False), _MODELS),
)
