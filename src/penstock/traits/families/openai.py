"""OpenAI's models. Those that reason know one parameter for the answer's length and refuse to be sampled.

What the Chat Completions API accepts counts here: the Responses API gives some of these models more efforts.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from penstock.core.chat import Owner
from penstock.core.traits import Traits
from penstock.traits.row import Row, words

_MODEL: Final = "https://developers.openai.com/api/docs/models/"
_REASONING: Final = "https://developers.openai.com/api/docs/guides/reasoning"
_LATEST: Final = "https://developers.openai.com/api/docs/guides/latest-model"
_STRUCTURED: Final = "https://developers.openai.com/api/docs/guides/structured-outputs"

_PENALTIES: Final = frozenset({"presence_penalty", "frequency_penalty"})
_SAMPLING: Final = _PENALTIES | {"temperature", "top_p", "logprobs", "top_logprobs", "logit_bias"}
_SERIAL: Final = "calls tools one after the other and refuses to be asked about it"
_ASLEEP: Final = "reasons only when told to; then it refuses sampling parameters"
_AWAKE: Final = "reasons unless told effort none; sampling parameters are taken only then"

_CHAT: Final = Traits(family="gpt", owner=Owner.OPENAI)
_SEARCH: Final = replace(_CHAT, family="gpt-4o-search", refuses=_SAMPLING | {"n", "parallel_tool_calls"}, tools=False)
_TEXT: Final = replace(_CHAT, vision=False, json_schema=False)
_REASONS: Final = Traits(
    owner=Owner.OPENAI,
    max_completion_tokens=True,
    refuses=_SAMPLING,
    thinking="effort",
    efforts=words("low", "medium", "high"),
    can_stop_thinking=False,
    thinks_unasked=True,
)
_O_SERIES: Final = replace(_REASONS, refuses=_SAMPLING | {"parallel_tool_calls"})
_O1_MINI: Final = replace(
    _O_SERIES,
    family="o1-mini",
    refuses=_O_SERIES.refuses | {"reasoning_effort", "response_format"},
    thinking="none",
    efforts={},
    tools=False,
    vision=False,
    json_schema=False,
    system_role=False,
)
_STOPLESS: Final = replace(_O_SERIES, refuses=_O_SERIES.refuses | {"stop"})
_GPT_OSS: Final = Traits(
    family="gpt-oss",
    thinking="effort",
    efforts=_REASONS.efforts,
    can_stop_thinking=False,
    thinks_unasked=True,
    vision=False,
)
_GPT_5: Final = replace(
    _REASONS, family="gpt-5", refuses=_SAMPLING | {"stop"}, efforts=words("minimal", "low", "medium", "high")
)
_CODEX: Final = replace(_REASONS, family="gpt-5-codex")
_CODEX_XHIGH: Final = replace(_CODEX, family="gpt-5.x-codex-xhigh", efforts=words("low", "medium", "high", "xhigh"))
_FIXED_EFFORT: Final = replace(_REASONS, family="gpt-5.x-chat", efforts=words("medium"))
_PRO: Final = replace(_REASONS, family="gpt-5.x-pro", efforts=words("medium", "high", "xhigh"))
_ASKED: Final = replace(
    _REASONS,
    refuses=frozenset(),
    refuses_thinking=_SAMPLING,
    efforts=words("none", "low", "medium", "high", "xhigh"),
    can_stop_thinking=True,
    thinks_unasked=False,
)
_GPT_5_1: Final = replace(_ASKED, family="gpt-5.1", efforts=words("none", "low", "medium", "high"))
_UNASKED: Final = replace(_ASKED, thinks_unasked=True)
_GPT_5_6: Final = replace(
    _UNASKED,
    family="gpt-5.6",
    efforts=words("none", "low", "medium", "high", "xhigh", "max"),
    effort_with_tools="none",
)
_GPT_6: Final = replace(_UNASKED, family="gpt-6")
_ALWAYS: Final = replace(_REASONS, family="gpt-6-always", efforts=words("low", "medium", "high", "xhigh"))
_ON_BEDROCK: Final = {"bedrock": frozenset({"temperature", "top_p", "stop"})}
"""What Converse answers with an error (github.com/run-llama/llama_index/pull/23211)."""

ROWS: Final = (
    Row("o1-mini", _O1_MINI, _MODEL + "o1-mini", "answers a system or developer message with unsupported_value"),
    Row("o1-preview", _O1_MINI, _MODEL + "o1-preview", "as o1-mini"),
    Row("o1", replace(_O_SERIES, family="o1"), _MODEL + "o1", _SERIAL),
    Row("o3-mini", replace(_O_SERIES, family="o3-mini", vision=False), _MODEL + "o3-mini", _SERIAL),
    Row("o3", replace(_STOPLESS, family="o3"), _MODEL + "o3", _SERIAL),
    Row("o4-mini", replace(_STOPLESS, family="o4-mini"), _MODEL + "o4-mini", _SERIAL),
    Row(
        "gpt-oss",
        _GPT_OSS,
        _MODEL + "gpt-oss-120b",
        "open weights: what else is refused is the host's matter",
        refuses_at={"bedrock": frozenset({"stop"})},
    ),
    Row("gpt-6*-astra", _ALWAYS, _LATEST, "knows no effort none", refuses_at=_ON_BEDROCK),
    Row("gpt-6.#-sol", _ALWAYS, _LATEST, "knows no effort none, unlike gpt-6-sol", refuses_at=_ON_BEDROCK),
    Row("gpt-6", _GPT_6, _LATEST, _AWAKE, refuses_at=_ON_BEDROCK),
    Row(
        "gpt-5-chat", replace(_CHAT, family="gpt-5-chat", tools=False), _MODEL + "gpt-5-chat-latest", "does not reason"
    ),
    Row("gpt-5-pro", replace(_GPT_5, family="gpt-5-pro", efforts=words("high")), _MODEL + "gpt-5-pro"),
    Row("gpt-5-codex", _CODEX, _MODEL + "gpt-5-codex"),
    Row("gpt-5.#-chat", _FIXED_EFFORT, _MODEL + "gpt-5.2-chat-latest", "reasons at one fixed effort"),
    Row("gpt-5.#-pro", _PRO, _MODEL + "gpt-5.4-pro"),
    Row("gpt-5.1-codex-max", _CODEX_XHIGH, _MODEL + "gpt-5.1-codex-max"),
    Row("gpt-5.1-codex", _CODEX, _MODEL + "gpt-5.1-codex"),
    Row("gpt-5.1", _GPT_5_1, _MODEL + "gpt-5.1", _ASLEEP),
    Row("gpt-5.2-codex", _CODEX_XHIGH, _MODEL + "gpt-5.2-codex"),
    Row("gpt-5.2", replace(_ASKED, family="gpt-5.2"), _MODEL + "gpt-5.2", _ASLEEP),
    Row("gpt-5.3", replace(_ASKED, family="gpt-5.3"), _MODEL + "gpt-5.3-codex", _ASLEEP),
    Row(
        "gpt-5.4",
        replace(_ASKED, family="gpt-5.4", effort_with_tools=""),
        _MODEL + "gpt-5.4",
        _ASLEEP,
        refuses_at=_ON_BEDROCK,
    ),
    Row(
        "gpt-5.5",
        replace(_UNASKED, family="gpt-5.5", effort_with_tools=""),
        _MODEL + "gpt-5.5",
        _AWAKE,
        refuses_at=_ON_BEDROCK,
    ),
    Row("gpt-5.#", _GPT_5_6, _LATEST, _AWAKE, refuses_at=_ON_BEDROCK),
    Row("gpt-5", _GPT_5, _MODEL + "gpt-5"),
    Row("gpt-4o*-search-preview", _SEARCH, _MODEL + "gpt-4o-search-preview"),
    Row("gpt-4o*-audio", replace(_TEXT, family="gpt-audio"), _MODEL + "gpt-4o-audio-preview"),
    Row("gpt-audio", replace(_TEXT, family="gpt-audio"), _MODEL + "gpt-audio"),
    Row(
        "gpt-4o-2024-05-13",
        replace(_CHAT, family="gpt-4o-2024-05-13", json_schema=False),
        _STRUCTURED,
        "before structured outputs",
    ),
    Row("gpt-4o", replace(_CHAT, family="gpt-4o"), _MODEL + "gpt-4o"),
    Row(
        "chatgpt-4o", replace(_CHAT, family="chatgpt-4o", tools=False, json_schema=False), _MODEL + "chatgpt-4o-latest"
    ),
    Row("gpt-4.1", replace(_CHAT, family="gpt-4.1"), _MODEL + "gpt-4.1"),
    Row("gpt-4.5", replace(_CHAT, family="gpt-4.5"), _MODEL + "gpt-4.5-preview"),
    Row("gpt-4-vision", replace(_CHAT, family="gpt-4-vision", tools=False, json_schema=False), _MODEL + "gpt-4-turbo"),
    Row("gpt-4-turbo-preview", replace(_TEXT, family="gpt-4"), _MODEL + "gpt-4-turbo-preview"),
    Row("gpt-4-turbo", replace(_CHAT, family="gpt-4-turbo", json_schema=False), _MODEL + "gpt-4-turbo"),
    Row("gpt-4", replace(_TEXT, family="gpt-4"), _MODEL + "gpt-4"),
    Row("gpt-3.5", replace(_TEXT, family="gpt-3.5"), _MODEL + "gpt-3.5-turbo"),
    Row("gpt-35", replace(_TEXT, family="gpt-3.5"), _MODEL + "gpt-3.5-turbo", "how Azure writes it"),
)
