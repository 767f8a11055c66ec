"""Google's models. Gemini 2.5 is told a budget, Gemini 3 a level in words, older ones nothing.

Image and speech models share the names of the chat models and little else. What Gemma refuses it refuses at
Google's own API only, whose template for it has no system turn and no tools.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from penstock.core.chat import Owner
from penstock.core.traits import Traits
from penstock.traits.row import Row, words

_DOCS: Final = "https://ai.google.dev/gemini-api/docs/"
_THINKING: Final = _DOCS + "thinking"
_IMAGES: Final = _DOCS + "image-generation"
_SPEECH: Final = _DOCS + "speech-generation"
_MODELS: Final = _DOCS + "models"
_GEMMA: Final = "https://ai.google.dev/gemma/docs/core/gemma_on_gemini_api"
_LEVELS: Final = "https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/thinking"

_NEW_3_6: Final = _DOCS + "whats-new-gemini-3.6"

_UNBEGUN: Final = "refuses a model's turn at the end"
_PENALTIES: Final = frozenset({"presence_penalty", "frequency_penalty"})
"""Refused since 2.5 (github.com/google-gemini/cookbook/issues/1290), but for 2.5 on Vertex AI."""
_NO_LOGPROBS: Final = {"google": frozenset({"logprobs", "top_logprobs"})}
"""Vertex AI alone gives them since 2.5 (github.com/googleapis/python-genai/issues/1921)."""
_ONE_ANSWER: Final = {"google": _NO_LOGPROBS["google"] | {"n"}}
"""Vertex AI alone makes several since 3 (github.com/googleapis/js-genai/issues/1609)."""

_BUDGETS: Final = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576, "xhigh": 24_576, "max": 24_576}

_GEMINI: Final = Traits(family="gemini", owner=Owner.GOOGLE)
_IMAGE: Final = replace(_GEMINI, family="gemini-image", tools=False, json_schema=False)
_TOOLS_OR_JSON: Final = replace(_GEMINI, json_with_tools=False)
_GEMINI_1: Final = replace(_GEMINI, family="gemini-1.0", vision=False, json_schema=False, system_role=False)
_GEMINI_1_SEES: Final = replace(_GEMINI_1, family="gemini-1.0-vision", vision=True, tools=False)
_UNTOLD: Final = replace(
    _GEMINI,
    family="gemini-2.0-thinking",
    can_stop_thinking=False,
    thinks_unasked=True,
    tools=False,
    json_schema=False,
)
_BUDGET: Final = replace(_TOOLS_OR_JSON, refuses=_PENALTIES, thinking="budget", budgets=_BUDGETS, thinks_unasked=True)
_PRO: Final = replace(
    _BUDGET,
    family="gemini-2.5-pro",
    budgets={**_BUDGETS, "xhigh": 32_768, "max": 32_768},
    min_budget=128,
    can_stop_thinking=False,
)
_LITE: Final = replace(_BUDGET, family="gemini-2.5-flash-lite", min_budget=512, thinks_unasked=False)
_LEVEL: Final = replace(
    _GEMINI,
    family="gemini-3",
    refuses=_PENALTIES,
    thinking="level",
    efforts=words("low", "medium", "high"),
    can_stop_thinking=False,
    thinks_unasked=True,
)
_FROM_MINIMAL: Final = replace(_LEVEL, family="gemini-3-minimal", efforts=words("minimal", "low", "medium", "high"))
_LEVEL_UNBEGUN: Final = replace(_LEVEL, family="gemini-3.7", prefill=False)
_MINIMAL_UNBEGUN: Final = replace(_FROM_MINIMAL, family="gemini-3.6", prefill=False)
_BARE_GEMMA: Final = Traits(family="gemma-bare", tools=False, json_schema=False, system_role=False)

_ROWS: Final = (
    Row(
        "gemini-2.0-flash*image",
        replace(_IMAGE, family="gemini-2.0-image", system_role=False),
        _IMAGES,
        "refuses a system instruction",
    ),
    Row("gemini-3*-image", replace(_IMAGE, family="gemini-3-image", own_tools=True, json_schema=True), _IMAGES),
    Row("gemini-*-image", _IMAGE, _IMAGES),
    Row(
        "gemini-*-tts",
        replace(_IMAGE, family="gemini-tts", vision=False, system_role=False),
        _SPEECH,
        "text in, sound out",
    ),
    Row("gemini-2.0-flash-thinking", _UNTOLD, _THINKING, "thinks as it likes"),
    Row("gemini-2.5-pro", _PRO, _THINKING, "128 to 32768 tokens, never none", refuses_at=_NO_LOGPROBS),
    Row("gemini-2.5-flash-lite", _LITE, _THINKING, "none, or 512 to 24576 tokens", refuses_at=_NO_LOGPROBS),
    Row(
        "gemini-2.5-flash",
        replace(_BUDGET, family="gemini-2.5-flash"),
        _THINKING,
        "0 to 24576 tokens",
        refuses_at=_NO_LOGPROBS,
    ),
    Row(
        "gemini-2.5",
        replace(_PRO, family="gemini-2.5"),
        _THINKING,
        "computer use and others that are built on Pro",
        refuses_at=_NO_LOGPROBS,
    ),
    Row("gemini-robotics-er-1.5", replace(_BUDGET, family="gemini-robotics-er-1.5"), _DOCS + "robotics-overview"),
    Row("gemini-3.7-flash", _LEVEL_UNBEGUN, _LEVELS, "knows no minimal, unlike 3.6", refuses_at=_ONE_ANSWER),
    Row("gemini-3.8-flash", _LEVEL_UNBEGUN, _LEVELS, "knows no minimal, unlike 3.6", refuses_at=_ONE_ANSWER),
    Row("gemini-3.6-flash", _MINIMAL_UNBEGUN, _NEW_3_6, _UNBEGUN, refuses_at=_ONE_ANSWER),
    Row("gemini-3.5-flash-lite", _MINIMAL_UNBEGUN, _NEW_3_6, _UNBEGUN, refuses_at=_ONE_ANSWER),
    Row("gemini-3*-flash", _FROM_MINIMAL, _LEVELS, refuses_at=_ONE_ANSWER),
    Row(
        "gemini-3-pro",
        replace(_LEVEL, family="gemini-3-pro", efforts=words("low", "high")),
        _LEVELS,
        "knows no medium; 3.1 does",
        refuses_at=_ONE_ANSWER,
    ),
    Row("gemini-flash-lite-latest", _MINIMAL_UNBEGUN, _MODELS, "an alias of the newest", refuses_at=_ONE_ANSWER),
    Row("gemini-flash-latest", _LEVEL_UNBEGUN, _MODELS, "an alias of the newest", refuses_at=_ONE_ANSWER),
    Row("gemini-pro-latest", _LEVEL, _MODELS, "an alias of the newest", refuses_at=_ONE_ANSWER),
    Row("gemini-2.0", replace(_TOOLS_OR_JSON, family="gemini-2.0"), _MODELS),
    Row("gemini-1.5", replace(_TOOLS_OR_JSON, family="gemini-1.5"), _MODELS),
    Row("gemini-*pro-vision", _GEMINI_1_SEES, _MODELS),
    Row("gemini-1.0", _GEMINI_1, _DOCS + "system-instructions", "refuses a system instruction"),
    Row("gemini-pro", _GEMINI_1, _DOCS + "system-instructions", "refuses a system instruction"),
    Row(
        "gemini",
        _LEVEL,
        _LEVELS,
        "Gemini 3 and later are told a level; these three all of them know",
        refuses_at=_ONE_ANSWER,
    ),
    Row("learnlm", replace(_GEMINI, family="learnlm"), _DOCS + "learnlm"),
    Row("gemma-4", Traits(family="gemma-4"), _GEMMA),
    Row("gemma-3", _BARE_GEMMA, _GEMMA, "Developer instruction is not enabled, says the API", provider="google"),
    Row(
        "gemma",
        replace(_BARE_GEMMA, family="gemma-bare-text", vision=False),
        _GEMMA,
        "Developer instruction is not enabled, says the API",
        provider="google",
    ),
    Row("gemma-3", Traits(family="gemma-3"), _GEMMA),
    Row("gemma", Traits(family="gemma", vision=False), _GEMMA),
)

_INFERENCE: Final = "https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference"
ROWS: Final = (
    *(
        replace(
            row,
            provider="vertex-ai",
            traits=replace(row.traits, refuses=row.traits.refuses - _PENALTIES),
            link=_INFERENCE,
            reason="takes penalties, which the Gemini API refuses",
            refuses_at={},
        )
        for row in _ROWS
        if row.pattern.startswith("gemini-2.5") and row.traits.refuses >= _PENALTIES
    ),
    *_ROWS,
)

FALLBACKS: Final = (Row("*", _LEVEL, _LEVELS, "nearly every model there is a Gemini", provider="google"),)
