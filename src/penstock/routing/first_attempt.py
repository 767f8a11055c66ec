"""The first attempt of a plan, where neither the request nor chance nor health has a say in it.

Most walks are this attempt and no more: a target alone, or the first of a fallback, answers well. They need no
generator. What follows any other outcome is the generator's to decide (walk.py), which then begins with this attempt.
"""

from __future__ import annotations

import math

from penstock.core.outcome import Outcome
from penstock.routing.plan import Fallback, Plan, Target
from penstock.routing.retry import RetryAfter, decide, leads_on
from penstock.routing.walk import Attempt, Walked, attempt_step


def first_attempt(plan: Plan, until: float, now: float) -> Attempt | None:
    """The attempt, which begins now; None where the walk has to say. Whoever makes it counts it in the budget of
    retries, if its target has retries (``Health.attempted``)."""
    over = math.inf
    while type(plan) is Fallback and plan.hedge is None and not plan.is_guarded:
        if plan.total is not None:
            over = min(over, now + plan.total)
        plan = plan.targets[0]
    if type(plan) is not Target or plan.is_tracked:
        return None
    total = plan.timeouts.total
    return Attempt(plan, 0, until, over if total is None else min(over, now + total))


def walked_at_once(plan: Plan, target: Target, outcome: Outcome, seconds: float) -> Walked | None:
    """The result of a walk that ends with this attempt at ``target``, which took so many seconds; None if it may go
    on."""
    alternative = False
    while type(plan) is Fallback:
        if len(plan.targets) > 1:
            if leads_on(plan, outcome):
                return None
            alternative = True
        plan = plan.targets[0]
    step, count = attempt_step(target, outcome, seconds), 0
    if target.retry is not None and (outcome.failure is not None or outcome.judged):
        decision = decide(target.retry, outcome, 0, 0.0, 0.0, alternative=alternative)
        if isinstance(decision, RetryAfter):
            return None
        count = decision.count
        if decision.why:
            step.why.append(decision.why)
    return Walked(count, (step,), None, 1)
