"""The type of a model family's traits: what the family accepts, as far as dialects need it. The rows are in
``traits/``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Thinking = Literal["none", "budget", "adaptive", "level", "effort", "switch"]
"""How a request controls a family's thinking: not at all; with a budget in tokens; adaptively, with an effort; with a
level (Gemini 3); with OpenAI's ``reasoning_effort``; on or off."""


class Traits(msgspec.Struct, frozen=True):
    """The traits of one family. The defaults are for an unknown model: it accepts everything.

    ``owner`` is the maker whose opaque values the model accepts (``core.chat.Owner``). ``output_limit`` is the answer's
    limit in tokens that is sent if the dialect requires one and the caller set none. ``budgets`` are the thinking
    budgets in tokens by OpenAI's effort, ``efforts`` the family's efforts by OpenAI's effort. The family answers the
    parameters in ``refuses`` (OpenAI's names) with an error.
    """

    family: str = ""
    owner: str = ""
    max_completion_tokens: bool | None = None
    """True: the family accepts only ``max_completion_tokens``; False: only ``max_tokens``; None: both."""
    output_limit: int | None = None
    refuses: frozenset[str] = frozenset()
    refuses_thinking: frozenset[str] = frozenset()
    """Parameters (OpenAI's names) that the family refuses only while the model thinks."""
    one_of_sampling: bool = False
    """Temperature and top_p exclude each other."""
    thinking: Thinking = "none"
    budgets: Mapping[str, int] = {}
    efforts: Mapping[str, str] = {}
    min_budget: int = 0
    can_stop_thinking: bool = True
    thinks_unasked: bool = False
    """True: the model thinks unless the request turns thinking off."""
    thinking_off: str = "disabled"
    """The ``thinking.type`` that turns a Claude's thinking off."""
    tools: bool = True
    own_tools: bool = False
    """True: a model without function tools still accepts its maker's own tools, for example web search."""
    forced_tools: bool = True
    """False: the family refuses a tool choice that forces a call (of any tool, or of a named tool)."""
    forced_while_thinking: bool = False
    """True: a Claude accepts a tool choice that forces a call even during adaptive thinking."""
    refuses_budget: bool = False
    """True: the family refuses Anthropic's ``budget_tokens``."""
    streams_tools: bool = True
    """False: Bedrock refuses tools in a streamed request, so a request with tools is sent without streaming."""
    vision: bool = True
    documents: bool = True
    json_schema: bool = True
    json_with_tools: bool = True
    """False: the family refuses a request with both tools and a JSON response format."""
    prefill: bool = True
    system_role: bool = True
    """False: the family refuses system messages, so they are sent as user messages."""
    effort_with_tools: str | None = None
    """What is said of the effort beside function tools: ``""`` nothing, ``none`` that alone; None: any effort."""
    cache_points: bool = False
    """Whether the family accepts Bedrock's cache points."""


ANY_MODEL = Traits()
