"""How much Claude is to think, and how long its answer may be: thinking is paid from the same tokens.

A family is told by a budget of tokens or, from Claude 4.6 on, by an effort; some think unless they are told not to.
Source: Claude docs, "Thinking", "Effort".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from penstock.core.chat import ChatRequest, Owner, Reasoning, ReasoningPart, ToolCall, ToolChoice
from penstock.core.parameters import Parameters
from penstock.core.traits import Traits

_DEFAULT_LIMIT: Final = 4096
_ROOM: Final = 4096
"""Tokens for the answer itself where thinking would leave none."""
_MIN_BUDGET: Final = 1024
_OFF: Final = ("disabled", "between_tools")

BUDGETS: Final[Mapping[str, int]] = {
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 16384,
    "xhigh": 32768,
    "max": 32768,
}
"""What an effort stands for where a family's row doesn't say (docs/portkey.md#reasoning-efforts)."""


class Thinking(msgspec.Struct, frozen=True):
    """``member`` is the request's ``thinking``, None to leave it out, ``effort`` what stands in ``output_config``.
    ``is_on``: the model will think before it answers. ``bars_force``: so that it can't be made to call a tool."""

    max_tokens: int
    member: Mapping[str, Any] | None = None
    effort: str = ""
    is_on: bool = False
    bars_force: bool = False


def decide(request: ChatRequest, parameters: Parameters, traits: Traits) -> Thinking:
    """What to say of thinking. Where a forced tool is refused while the model thinks, it doesn't think, which is
    named: the caller relies on the call."""
    decision = _decide(request, parameters, traits)
    by_budget = decision.member is not None and decision.member.get("type") == "enabled"
    bars = not traits.forced_tools or (decision.is_on and (by_budget or not traits.forced_while_thinking))
    if not bars:
        return decision
    if traits.forced_tools and traits.can_stop_thinking and _forces_tool(request):
        asked: Reasoning | None = request.parameters.get("reasoning")
        if asked is not None:
            parameters.unsupported("reasoning_effort" if asked.effort else "thinking")
        return Thinking(decision.max_tokens, {"type": traits.thinking_off} if traits.thinks_unasked else None)
    return msgspec.structs.replace(decision, bars_force=True)


def _decide(request: ChatRequest, parameters: Parameters, traits: Traits) -> Thinking:
    asked: Reasoning | None = request.parameters.get("reasoning")
    limit = parameters.max_tokens()
    default = traits.output_limit or _DEFAULT_LIMIT
    tokens = default if limit is None else limit
    if asked is None:
        return _unasked(traits, tokens, request)
    if _would_budget(traits, asked) and _calls_without_thought(request):
        return Thinking(tokens)
    if asked.native is not None:
        return _native(parameters, traits, asked, asked.native, limit, default)
    if asked.effort == "none" or asked.enabled is False:
        return _off(parameters, traits, tokens)
    if traits.thinking == "budget":
        return _by_budget(parameters, traits, asked, limit, default)
    if traits.thinking == "adaptive":
        parameters.reasoning()
        effort = _effort(traits, asked)
        if asked.effort and not effort:
            parameters.unsupported("reasoning_effort")
        return Thinking(tokens, {"type": "adaptive"}, effort, is_on=True)
    return Thinking(tokens, is_on=traits.thinks_unasked)


def _unasked(traits: Traits, tokens: int, request: ChatRequest) -> Thinking:
    """Where a forced tool is refused while the model thinks, one that would think unasked is told not to."""
    if not traits.thinks_unasked:
        return Thinking(tokens)
    refuses_force = traits.forced_tools and not traits.forced_while_thinking
    if traits.can_stop_thinking and refuses_force and _forces_tool(request):
        return Thinking(tokens, {"type": traits.thinking_off})
    return Thinking(tokens, is_on=True)


def _forces_tool(request: ChatRequest) -> bool:
    choice: ToolChoice | None = request.parameters.get("tool_choice")
    return choice is not None and choice.mode == "required" and bool(request.parameters.get("tools"))


def _would_budget(traits: Traits, asked: Reasoning) -> bool:
    """Whether the model would be given a budget to think within."""
    if asked.native is not None:
        return asked.native.get("type") == "enabled" and not traits.refuses_budget
    return traits.thinking == "budget" and asked.effort != "none" and asked.enabled is not False


def _calls_without_thought(request: ChatRequest) -> bool:
    """Whether tools answer a turn that doesn't begin with a thought of Claude's: with a budget that is refused."""
    messages = list(request.messages)
    while request.wording is not None and messages and messages[-1].role not in {"tool", "assistant"}:
        messages.pop()  # Anthropic's callers may say more beside the results, in the same turn
    if not messages or messages[-1].role != "tool":
        return False
    calling = next((message for message in reversed(messages) if message.role != "tool"), None)
    if calling is None or not any(isinstance(part, ToolCall) for part in calling.parts):
        return False
    first = calling.parts[0]
    is_signed = isinstance(first, ReasoningPart) and bool(first.signature or first.data) and not first.misplaced
    return not (is_signed and isinstance(first, ReasoningPart) and first.owner == Owner.ANTHROPIC)


def _native(
    parameters: Parameters, traits: Traits, asked: Reasoning, member: Mapping[str, Any], limit: int | None, default: int
) -> Thinking:
    """The caller speaks Anthropic's own words: they are passed on as they are where the model still knows them."""
    kind = member.get("type")
    if kind == "disabled" and not traits.can_stop_thinking:
        return Thinking(default if limit is None else limit, is_on=True)
    parameters.reasoning()
    effort = traits.efforts.get(asked.effort, "") if traits.thinking == "adaptive" else ""
    if asked.effort and not effort:
        parameters.unsupported("reasoning_effort")
    if kind == "enabled" and traits.refuses_budget:
        others = {name: value for name, value in member.items() if name != "budget_tokens"}
        tokens = default if limit is None else limit
        return Thinking(tokens, {**others, "type": "adaptive"}, effort or _effort(traits, asked), is_on=True)
    if kind == "disabled":
        member = {**member, "type": traits.thinking_off}
    budget = member.get("budget_tokens")
    if kind == "enabled" and type(budget) is int and budget < _MIN_BUDGET:
        if limit is not None and limit <= _MIN_BUDGET:  # no budget that Anthropic takes has room in the answer
            parameters.unsupported("thinking")
            return Thinking(limit)
        member = {**member, "budget_tokens": _MIN_BUDGET}
    if limit is None:
        limit = default if (asked.budget or 0) < default else (asked.budget or 0) + _ROOM
    return Thinking(limit, member, effort, is_on=kind not in _OFF)


def _off(parameters: Parameters, traits: Traits, tokens: int) -> Thinking:
    if not traits.thinks_unasked:
        parameters.reasoning()
        return Thinking(tokens)
    if not traits.can_stop_thinking:
        return Thinking(tokens, is_on=True)
    parameters.reasoning()
    return Thinking(tokens, {"type": traits.thinking_off})


def _by_budget(parameters: Parameters, traits: Traits, asked: Reasoning, limit: int | None, default: int) -> Thinking:
    budgets = traits.budgets or BUDGETS
    wanted = asked.budget if asked.budget is not None else budgets.get(asked.effort or "medium")
    tokens = default if limit is None else limit
    if wanted is None:
        return Thinking(tokens)
    if limit is None and wanted >= default:
        if asked.budget is None and traits.output_limit is not None:
            wanted = default - _ROOM
        else:
            tokens = wanted + _ROOM
    budget = _fitting(wanted, tokens, traits.min_budget or _MIN_BUDGET)
    if budget is None:
        return Thinking(tokens)
    parameters.reasoning()
    if asked.budget is not None and budget != asked.budget:
        parameters.unsupported("reasoning.max_tokens")
    return Thinking(tokens, {"type": "enabled", "budget_tokens": budget}, is_on=True)


def _fitting(wanted: int, tokens: int, least: int) -> int | None:
    """A budget must be below the limit of the whole: one that isn't shares it with the answer; None if it can't."""
    if wanted < tokens:
        return wanted
    return max(tokens // 2, least) if tokens > least else None


def _effort(traits: Traits, asked: Reasoning) -> str:
    """The family's word; for a budget that of the least effort which stands for as much."""
    if asked.effort:
        return traits.efforts.get(asked.effort, "")
    if asked.budget is None:
        return ""
    budgets = traits.budgets or BUDGETS
    words = sorted(budgets, key=lambda word: budgets[word])
    most = max(words, key=lambda word: budgets[word])
    return traits.efforts.get(next((word for word in words if budgets[word] >= asked.budget), most), "")
