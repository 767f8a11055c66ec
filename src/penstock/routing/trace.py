"""The steps of a walk, and their text in the header ``x-penstock-trace``."""

from __future__ import annotations

from typing import Final

import msgspec

_SHOWN: Final = 16
_LONGEST: Final = 4096


class AttemptStep(msgspec.Struct):
    """An attempt: the target's path, the status or the failure's kind, the duration, the reasons for the next step.

    ``why`` holds notes such as ``retry in 1s`` or ``next``.
    """

    path: str
    result: str
    milliseconds: float
    why: list[str] = msgspec.field(default_factory=list)


class SkippedStep(msgspec.Struct, frozen=True):
    """A target that its circuit breaker kept away."""

    path: str


Step = AttemptStep | SkippedStep


def line(steps: tuple[Step, ...]) -> str:
    """``targets[0] 429 120ms retry in 1s; targets[0] 503 80ms next; targets[1] 200 95ms``: paths are of the config.

    Of more than 32 steps only the first 16 and the last 16 are written: the text must fit into a header.
    """
    if len(steps) == 1:
        text = _step_text(steps[0])
    elif len(steps) <= 2 * _SHOWN:
        text = "; ".join([_step_text(step) for step in steps])
    else:
        left_out = f"({len(steps) - 2 * _SHOWN} more)"
        text = "; ".join([*map(_step_text, steps[:_SHOWN]), left_out, *map(_step_text, steps[-_SHOWN:])])
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _step_text(step: Step) -> str:
    path = step.path.removeprefix("config.")
    if isinstance(step, SkippedStep):
        return f"{path} open skipped"
    text = f"{path} {step.result} {round(step.milliseconds)}ms"
    return f"{text} {', '.join(step.why)}" if step.why else text
