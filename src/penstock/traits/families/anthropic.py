"""Claude. It has told three ways of thinking: none, by budget, and since 4.6 by itself with an effort beside it.

From 4.7 on it refuses to be sampled, from 4.6 on to have its answer begun. The budgets of efforts are Portkey's, so
that a caller who moves over thinks as much as before.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from penstock.core.chat import Owner
from penstock.core.traits import Traits
from penstock.traits.row import Row, words

_DOCS: Final = "https://platform.claude.com/docs/en/"
_MODELS: Final = _DOCS + "models"
_EXTENDED: Final = _DOCS + "build-with-claude/extended-thinking"
_THINKING: Final = _DOCS + "build-with-claude/thinking"
_EFFORT: Final = _DOCS + "build-with-claude/effort"
_MIGRATION: Final = _DOCS + "about-claude/models/migration-guide"
_TO_4_5: Final = _DOCS + "about-claude/models/migrating-to-claude-4"
_CACHING: Final = "https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html"

_BUDGETS: Final = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 32768}

_CLAUDE: Final = Traits(owner=Owner.ANTHROPIC)
_CLAUDE_2: Final = replace(_CLAUDE, family="claude-2", output_limit=4096, tools=False, vision=False, json_schema=False)
_CLAUDE_3: Final = replace(_CLAUDE, family="claude-3", output_limit=4096, json_schema=False)
_CLAUDE_3_5: Final = replace(_CLAUDE_3, family="claude-3.5", output_limit=8192)
_BUDGET: Final = replace(
    _CLAUDE,
    output_limit=64_000,
    refuses_thinking=frozenset({"temperature", "top_k"}),
    thinking="budget",
    budgets=_BUDGETS,
    min_budget=1024,
    json_schema=False,
    cache_points=True,
)
_OPUS_4: Final = replace(_BUDGET, family="claude-opus-4", output_limit=32_000)
_CLAUDE_4_5: Final = replace(_BUDGET, family="claude-4.5", one_of_sampling=True, json_schema=True)
_CLAUDE_4_6: Final = replace(
    _CLAUDE_4_5,
    family="claude-sonnet-4.6",
    thinking="adaptive",
    efforts=words("low", "medium", "high", "max"),
    prefill=False,
)
_UNSAMPLED: Final = Traits(
    family="claude-opus-4.7",
    owner=Owner.ANTHROPIC,
    output_limit=128_000,
    refuses=frozenset({"temperature", "top_p", "top_k"}),
    thinking="adaptive",
    budgets=_BUDGETS,
    efforts=words("low", "medium", "high", "xhigh", "max"),
    prefill=False,
    cache_points=True,
    refuses_budget=True,
)
_OPUS_4_8: Final = replace(_UNSAMPLED, family="claude-opus-4.8", forced_while_thinking=True)
_CLAUDE_5: Final = replace(_OPUS_4_8, family="claude-5", thinks_unasked=True)
_ALWAYS_FORCED: Final = replace(_CLAUDE_5, family="claude-always-forced", can_stop_thinking=False)
_ALWAYS: Final = replace(_ALWAYS_FORCED, family="claude-always", forced_tools=False)
_SONNET_5_5: Final = replace(_CLAUDE_5, family="claude-sonnet-5.5", thinking_off="between_tools", forced_tools=False)
_SOME_CLAUDE: Final = replace(
    _CLAUDE,
    family="claude",
    output_limit=4096,
    thinking="adaptive",
    budgets=_BUDGETS,
    efforts=_UNSAMPLED.efforts,
    cache_points=True,
)
"""One that nobody knows: asked to think as the newest are, and otherwise sent what the caller says."""

_UNFORCED: Final = "always thinks, and refuses forced tool use"
_STOPS_BELOW_XHIGH: Final = "thinking can be turned off, but not at effort xhigh or max"

_ROWS: Final = (
    Row("claude-fable-5.#", _ALWAYS, _THINKING, _UNFORCED),
    Row("claude-fable-5", _ALWAYS_FORCED, _THINKING, "always thinks"),
    Row("claude-fable", _ALWAYS, _THINKING, _UNFORCED),
    Row("claude-mythos-5.#", _ALWAYS, _THINKING, _UNFORCED),
    Row("claude-mythos-5", _ALWAYS_FORCED, _THINKING, "always thinks"),
    Row("claude-mythos", _ALWAYS, _THINKING, _UNFORCED),
    Row(
        "claude-opus-5.5",
        _ALWAYS,
        _DOCS + "models/opus-5-5/migration-guide",
        _UNFORCED,
    ),
    Row(
        "claude-sonnet-5.5",
        _SONNET_5_5,
        _DOCS + "models/sonnet-5-5/migration-guide",
        "refuses thinking.type disabled: between_tools is its word",
    ),
    Row(
        "claude-haiku-5.5",
        replace(_CLAUDE_5, family="claude-haiku-5.5"),
        _DOCS + "models/haiku-5-5/migration-guide",
        _STOPS_BELOW_XHIGH,
    ),
    Row("claude-opus-5", _CLAUDE_5, _DOCS + "models/opus-5/migration-guide", _STOPS_BELOW_XHIGH),
    Row("claude-sonnet-5", _CLAUDE_5, _DOCS + "models/sonnet-5/migration-guide"),
    Row("claude-opus-4.8", _OPUS_4_8, _MIGRATION, "the first to take a forced tool while it thinks"),
    Row("claude-opus-4.7", _UNSAMPLED, _MIGRATION, "the first to refuse sampling parameters and budgets"),
    Row(
        "claude-opus-4.6",
        replace(_CLAUDE_4_6, family="claude-opus-4.6", output_limit=128_000),
        _EFFORT,
        "budgets are deprecated, not yet refused",
    ),
    Row("claude-sonnet-4.6", _CLAUDE_4_6, _EFFORT, "budgets are deprecated, not yet refused"),
    Row("claude-*-4.5", _CLAUDE_4_5, _TO_4_5, "temperature or top_p, not both"),
    Row(
        "claude-opus-4.1",
        replace(_OPUS_4, family="claude-opus-4.1", one_of_sampling=True, json_schema=True),
        _TO_4_5,
        "temperature or top_p, not both",
    ),
    Row("claude-opus-4", _OPUS_4, _EXTENDED),
    Row("claude-sonnet-4", replace(_BUDGET, family="claude-sonnet-4"), _EXTENDED),
    Row("claude-sonnet-3.7", replace(_BUDGET, family="claude-3.7"), _EXTENDED),
    Row(
        "claude-haiku-3.5",
        replace(_CLAUDE_3_5, family="claude-haiku-3.5", cache_points=True),
        _CACHING,
        "the oldest that Bedrock caches for",
    ),
    Row("claude-sonnet-3.5", _CLAUDE_3_5, _MODELS),
    Row("claude-*-3", _CLAUDE_3, _MODELS),
    Row("claude-2", _CLAUDE_2, _MODELS),
    Row("claude-instant", _CLAUDE_2, _MODELS),
    Row("claude-opus", _ALWAYS, _MODELS, "an alias without a version is the newest"),
    Row("claude-sonnet", _SONNET_5_5, _MODELS, "an alias without a version is the newest"),
    Row("claude", _SOME_CLAUDE, _MODELS, "one that nobody knows says itself what it refuses"),
)

_ENFORCED_ON_BEDROCK: Final = frozenset({"claude-4.5", "claude-opus-4.1", "claude-opus-4.6", "claude-sonnet-4.6"})
"""All others answer with "Extra inputs are not permitted" (github.com/vercel/ai/issues/17919)."""
_LESS_ON_BEDROCK: Final = {"bedrock": frozenset({"response_format"})}

ROWS: Final = tuple(
    replace(row, refuses_at=_LESS_ON_BEDROCK)
    if row.traits.json_schema and row.traits.family not in _ENFORCED_ON_BEDROCK
    else row
    for row in _ROWS
)
FALLBACKS: Final = (Row("*", _SOME_CLAUDE, _MODELS, "every model there is a Claude", "anthropic"),)
