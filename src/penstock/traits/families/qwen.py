"""Alibaba's Qwen: hybrids that a switch makes think, besides models that always or never do."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from penstock.core.traits import Traits
from penstock.traits.row import Row

_THINKING: Final = "https://www.alibabacloud.com/help/en/model-studio/deep-thinking"
_VISION: Final = "https://www.alibabacloud.com/help/en/model-studio/vision"
_MODELS: Final = "https://www.alibabacloud.com/help/en/model-studio/models"

_TEXT: Final = Traits(vision=False)
_ALWAYS: Final = Traits(family="qwen-thinking", can_stop_thinking=False, thinks_unasked=True)
_HYBRID: Final = Traits(family="qwen-3.5", thinking="switch", thinks_unasked=True)
_OPEN: Final = replace(_HYBRID, family="qwen-3", vision=False)
_QUIET: Final = replace(_HYBRID, family="qwen-plus", thinks_unasked=False, vision=False)

_ROWS: Final = (
    Row("qvq", replace(_ALWAYS, family="qvq"), _THINKING),
    Row("qwq", replace(_ALWAYS, family="qwq", vision=False), _THINKING),
    Row("qwen-3-vl*thinking", replace(_ALWAYS, family="qwen-3-vl-thinking"), _THINKING),
    Row("qwen-3*thinking", replace(_ALWAYS, vision=False), _THINKING),
    Row("qwen-3-vl", Traits(family="qwen-3-vl"), _VISION),
    Row("qwen-3-#b", _OPEN, _THINKING, "a size and no version: qwen3-8b"),
    Row("qwen-3-#-#b", _OPEN, _THINKING, "a size and no version: qwen3-1.7b"),
    Row("qwen-3.#", _HYBRID, _THINKING, "sees and thinks, both from 3.5 on"),
    Row("qwen-3-coder", replace(_TEXT, family="qwen-3-coder"), _MODELS),
    Row("qwen-3*instruct", replace(_TEXT, family="qwen-3-instruct"), _MODELS),
    Row(
        "qwen-3*-2507",
        replace(_TEXT, family="qwen-3-instruct"),
        _MODELS,
        "how Bedrock and Cerebras write the instruct half",
    ),
    Row("qwen-3-max", replace(_QUIET, family="qwen-3-max"), _THINKING, "thinks only when told to"),
    Row("qwen-3", _OPEN, _THINKING),
    Row("qwen-plus", _QUIET, _THINKING, "thinks only when told to"),
    Row("qwen-turbo", _QUIET, _THINKING, "thinks only when told to"),
    Row("qwen-flash", _QUIET, _THINKING, "thinks only when told to"),
    Row("qwen-max", replace(_TEXT, family="qwen-max"), _MODELS),
    Row("qwen-2.5-vl", Traits(family="qwen-vl"), _VISION),
    Row("qwen-2-vl", Traits(family="qwen-vl"), _VISION),
    Row("qwen-vl", Traits(family="qwen-vl"), _VISION),
    Row("qwen-2", replace(_TEXT, family="qwen-2"), _MODELS),
)

_STOPLESS: Final = {"bedrock": frozenset({"stop"})}
"""Converse answers stop sequences with an error (github.com/langchain-ai/langchain-aws/issues/664)."""

ROWS: Final = tuple(replace(row, refuses_at=_STOPLESS) if row.pattern.startswith("qwen-3") else row for row in _ROWS)
