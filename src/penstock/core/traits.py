"""What one model family accepts, as far as dialects must know it. The rows are in ``traits/``; this is their type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Thinking = Literal["none", "budget", "adaptive", "level", "effort", "switch"]
"""How a family is told to think: not at all; by a budget of tokens; by itself, with an effort beside it; by a level in
words (Gemini 3); by OpenAI's ``reasoning_effort``; on or off."""


class Traits(msgspec.Struct, frozen=True):
    """The facts of one family. The defaults are those of a model that nobody knows: it takes everything.

    ``owner`` is whose opaque values it understands (``core.chat.Owner``). ``output_limit`` is the answer's limit in
    tokens to ask for where the dialect demands one and the caller named none. ``budgets`` gives the tokens that an
    effort stands for, ``efforts`` the words that the family knows, by OpenAI's word. ``refuses`` are parameters (by
    OpenAI's names) that the family answers with an error.
    """

    family: str = ""
    owner: str = ""
    max_completion_tokens: bool | None = None
    """True: only ``max_completion_tokens`` is taken; False: only ``max_tokens``; None: either."""
    output_limit: int | None = None
    refuses: frozenset[str] = frozenset()
    refuses_thinking: frozenset[str] = frozenset()
    """Parameters (by OpenAI's names) that are an error only while the model thinks."""
    one_of_sampling: bool = False
    """Temperature and top_p exclude each other."""
    thinking: Thinking = "none"
    budgets: Mapping[str, int] = {}
    efforts: Mapping[str, str] = {}
    min_budget: int = 0
    can_stop_thinking: bool = True
    thinks_unasked: bool = False
    """It thinks when the request says nothing of it."""
    thinking_off: str = "disabled"
    """The ``thinking.type`` that stops a Claude from thinking before it answers."""
    tools: bool = True
    own_tools: bool = False
    """True: one without tools takes those of its maker all the same, a search of the web, say."""
    forced_tools: bool = True
    """False: a tool choice that forces a call (any tool, or a named one) is refused."""
    forced_while_thinking: bool = False
    """True: such a choice is taken even while a Claude thinks by itself."""
    refuses_budget: bool = False
    """True: a budget of tokens to think within, in Anthropic's words, is refused."""
    streams_tools: bool = True
    """False: Bedrock refuses tools in a streamed conversation, so such a one is asked in one piece."""
    vision: bool = True
    documents: bool = True
    json_schema: bool = True
    json_with_tools: bool = True
    """False: a request with tools may not say that the answer is to be JSON."""
    prefill: bool = True
    system_role: bool = True
    """False: a system message is refused, and goes as a user's."""
    cache_points: bool = False
    """Whether Bedrock's cache points are understood."""


ANY_MODEL = Traits()
