"""The stream modes that a guard of answers can have: whether its checks can judge a part, and change what goes on."""

from __future__ import annotations

from penstock.guards.plan import HookCheck, HookType, StreamMode


def alters(kind: HookType, checks: tuple[HookCheck, ...]) -> bool:
    """Whether the hook is there to change texts. A check that may replace the body (a webhook) is so in a mutator."""
    return any(each.transforms or (each.check.replaces and kind is HookType.MUTATOR) for each in checks)


def mode_problems(checks: tuple[HookCheck, ...], *, is_altering: bool) -> dict[StreamMode, str]:
    """The stream modes that a hook with these checks can't have, and why. ``is_altering``: the hook changes texts."""
    problems: dict[StreamMode, str] = {}
    if not checks or any(each.prepared.hold is None for each in checks):
        problems[StreamMode.HOLD] = "a check of this guard needs more than a part of the text: use window or buffer"
    if any(each.check.replaces for each in checks):
        problems[StreamMode.WINDOW] = "a check of this guard needs the whole answer: use buffer"
    if is_altering:
        text = "a check of this guard changes the text, which this mode can't: use hold or buffer"
        problems |= {StreamMode.AFTER: text, StreamMode.WINDOW: text}
    return problems
