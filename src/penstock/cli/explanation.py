"""A plan and what it would do, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from penstock.routing.explain import Attempted, Event, Explanation, Hedged, LeftOut, Waited, shown
from penstock.routing.plan import Balance, Choose, Fallback, Plan, Target, leaves, most_attempts

_WHOLE: Final = "config"
_INDENT: Final = "  "


def summary(plan: Plan) -> str:
    """A plan on one line: ``fallback(openai, loadbalance(groq, echo)), 3 targets, at most 6 attempts``."""
    targets, attempts = len(leaves(plan)), most_attempts(plan)
    return f"{_outline(plan)}, {_count(targets, 'target')}, at most {_count(attempts, 'attempt')}"


def told(plan: Plan, explanation: Explanation) -> str:
    """One line a step, below the strategies that led there, and the result."""
    return "\n".join((*_tree(plan, explanation), *_guards(explanation), _result(explanation)))


def _outline(plan: Plan) -> str:
    if isinstance(plan, Target):
        return f"@{plan.virtual_key}" if plan.virtual_key else plan.provider
    return f"{_mode(plan)}({', '.join(map(_outline, plan.targets))})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _mode(plan: Fallback | Balance | Choose) -> str:
    match plan:
        case Fallback():
            return "fallback"
        case Balance():
            return "loadbalance"
        case Choose():
            return "conditional"


def _tree(plan: Plan, explanation: Explanation) -> Iterator[str]:
    strategies = dict(_strategies(plan))
    entered: list[str] = []
    for step in explanation.steps:
        path = step.targets[0] if isinstance(step, Hedged) else step.target
        outer = [each for each in strategies if each == _WHOLE or path.startswith(f"{each}.")]
        for depth, each in enumerate(outer):
            if entered[depth : depth + 1] != [each]:
                yield f"{_INDENT * depth}{each}: {strategies[each]}"
        entered = outer
        yield from (_INDENT * len(outer) + line for line in _lines(step))


def _strategies(plan: Plan) -> Iterator[tuple[str, str]]:
    """The paths of the nodes that have targets, and their modes, from the outside in."""
    if not isinstance(plan, Target):
        yield shown(plan.path), _mode(plan)
        for target in plan.targets:
            yield from _strategies(target)


def _lines(step: Event) -> Iterator[str]:
    match step:
        case Attempted():
            retry = f", retry {step.retry}" if step.retry else ""
            after = f" after {step.seconds:g}s" if step.seconds else ""
            why = f" ({', '.join(step.why)})" if step.why else ""
            yield f"{step.target} {step.provider}{retry}: {step.result}{after}{why}"
            if step.message:
                yield f"{_INDENT}{step.message}"
        case Waited():
            yield f"wait {step.seconds:g}s"
        case LeftOut():
            yield f"{step.target}: left out by its circuit breaker"
        case Hedged():
            given_up = f", {step.cancelled} is given up" if step.cancelled else ""
            yield f"{step.targets[1]} joins {step.targets[0]} after {step.delay:g}s{given_up}"


def _guards(explanation: Explanation) -> Iterator[str]:
    """A line for each guard, below its target."""
    target = None
    for guard in explanation.guards:
        if guard.target != target:
            target = guard.target
            yield f"guards of {target}:"
        side = "request" if guard.phase == "before" else "answer"
        effect = "denies" if guard.deny else "marks"
        manner = "" if guard.manner == "enforce" else f", {guard.manner}"
        stream = "" if guard.stream is None else f", streams: {guard.stream}"
        verdict = "" if guard.verdict is None else f": {guard.verdict}"
        yield f"{_INDENT}{side} {guard.guard} ({', '.join(guard.checks)}) {effect}{manner}{stream}{verdict}"


def _result(explanation: Explanation) -> str:
    if explanation.target is None:
        return f"{explanation.status}: {explanation.message}"
    made, most = explanation.attempts, _count(explanation.most_attempts, "attempt")
    suffix = "" if explanation.result == str(explanation.status) else f" ({explanation.result})"
    return (
        f"{explanation.status}{suffix} from {explanation.target} after {explanation.seconds:g}s, "
        f"{made} of at most {most}, retry count {explanation.retry_count}"
    )
