"""How much a model on Bedrock is to think, in the words of its maker: Converse itself has none.

Claude is told as at Anthropic's own API. Sources: Claude docs, "Thinking", "Effort"; Amazon Nova 2 user guide,
"Extended thinking"; Amazon Bedrock user guide, "OpenAI models".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.chat import ChatRequest, Owner, Reasoning
from penstock.core.parameters import Parameters
from penstock.core.traits import Traits
from penstock.dialects.anthropic.provider import thinking as anthropic_thinking

_LIMITS: Final = frozenset({"max_tokens", "max_completion_tokens"})
_MIN_TOP_P: Final = 0.95
"""The least that a Claude takes while it thinks."""
_NOVA_HIGHEST: Final = "high"
"""At which Nova refuses a limit of tokens, and to be sampled."""
_UNLIMITED: Final = frozenset({"temperature", "top_p", "top_k"})


class Thinking(msgspec.Struct, frozen=True):
    """``fields`` are additional model request fields, ``refused`` the parameters that can't stand beside them.
    ``is_on``: the model will think before it answers. ``bars_force``: so that it can't be made to call a tool."""

    max_tokens: int | None = None
    fields: Mapping[str, Any] = {}
    refused: frozenset[str] = frozenset()
    is_on: bool = False
    is_claude: bool = False
    bars_force: bool = False

    def excludes(self, name: str, value: float) -> bool:
        """Whether the parameter can't be said while the model thinks so."""
        if name in self.refused:
            return True
        return self.is_claude and self.is_on and name == "top_p" and value < _MIN_TOP_P


def decide(request: ChatRequest, parameters: Parameters, traits: Traits) -> Thinking:
    """What to say of thinking, and how long the answer may be."""
    found = request.parameters.get("reasoning")
    asked = found if isinstance(found, Reasoning) else None
    if traits.owner == Owner.ANTHROPIC:
        return _claude(request, parameters, traits)
    fields = {} if asked is None else _fields(parameters, traits, asked)
    if fields.get("reasoningConfig", {}).get("maxReasoningEffort") == _NOVA_HIGHEST:
        return Thinking(None, fields, _UNLIMITED, is_on=True)
    return Thinking(parameters.max_tokens(), fields, is_on=bool(fields))


def _claude(request: ChatRequest, parameters: Parameters, traits: Traits) -> Thinking:
    """As at Anthropic's API; only a limit needn't be named, but where thinking is paid from it."""
    decision = anthropic_thinking.decide(request, parameters, traits)
    fields: dict[str, Any] = {} if decision.member is None else {"thinking": decision.member}
    if decision.effort:
        fields["output_config"] = {"effort": decision.effort}
    is_limited = bool(request.parameters.keys() & _LIMITS) or "budget_tokens" in (decision.member or {})
    refused = traits.refuses_thinking if decision.is_on else frozenset()
    limit = decision.max_tokens if is_limited else None
    return Thinking(limit, fields, refused, decision.is_on, is_claude=True, bars_force=decision.bars_force)


def _fields(parameters: Parameters, traits: Traits, asked: Reasoning) -> dict[str, Any]:
    """The fields for a model of another maker; nothing is taken when there are none to say it with.

    A model that nobody knows (an inference profile under its own name, say) is told what its caller knows to say.
    """
    if not traits.family and asked.native is not None:
        parameters.reasoning()
        return {"thinking": asked.native}
    if asked.effort == "none" or asked.enabled is False:
        word = traits.efforts.get("none", "")
        if word or not traits.thinks_unasked:
            parameters.reasoning()
    else:
        word = _word(traits, asked)
        if word:
            parameters.reasoning()
    if not word:
        return {}
    if traits.thinking == "level":
        return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": word}}
    # The open weights take OpenAI's older member, its closed models the newer one.
    return {"reasoning": {"effort": word}} if traits.owner == Owner.OPENAI else {"reasoning_effort": word}


def _word(traits: Traits, asked: Reasoning) -> str:
    """The family's word; for a budget that of the least effort which stands for as much."""
    effort = asked.effort
    if not effort and asked.budget is not None:
        budgets = anthropic_thinking.BUDGETS
        effort = next((word for word, tokens in budgets.items() if tokens >= (asked.budget or 0)), "max")
    return traits.efforts.get(effort or "medium", "")
