"""Which uploads are held; tests/e2e/test_uploads.py sends them."""

from __future__ import annotations

import pytest

from calling import call, route, target
from penstock.core.body import Body
from penstock.core.form import Form
from penstock.core.operation import Operation
from penstock.core.outcome import ErrorClass
from penstock.dialects.caller import RequestBody
from penstock.pipeline.upload import may_race, may_repeat, passes, reads_fields
from penstock.routing.plan import Balance, Choose, Fallback, HedgePolicy, Plan, RetryPolicy, StickyPolicy, Target

ONE = Target("config", "openai")
RETRIED = Target("config", "openai", retry=RetryPolicy(2, frozenset({500})))


@pytest.mark.parametrize(
    ("plan", "repeats", "reads"),
    [
        (ONE, False, False),
        (RETRIED, True, False),
        (Target("config", "openai", retry=RetryPolicy(0, frozenset({500}))), False, False),
        (Target("config", "openai", retry=RetryPolicy(1, frozenset({500})).of_unsent()), False, False),
        (Target("config", "openai", retry=RetryPolicy(1, frozenset(), frozenset({ErrorClass.TIMEOUT}))), True, False),
        (Balance("config", (ONE, ONE), (1, 1)), False, False),
        (Balance("config", (ONE, RETRIED), (1, 1)), True, False),
        (Balance("config", (ONE, ONE), (1, 1), sticky=StickyPolicy(("params.language",), 60)), False, True),
        (Fallback("config", (ONE, ONE)), True, False),
        (Choose("config", (ONE,), (), "x", 0), False, True),
        (Balance("config", (Choose("config", (Fallback("config", (ONE, ONE)),), ()),), (1,)), True, True),
    ],
)
def test_plans(plan: Plan, repeats: bool, reads: bool) -> None:
    assert (may_repeat(plan), reads_fields(plan)) == (repeats, reads)


def test_two_targets_at_once_need_the_body_twice() -> None:
    raced = Fallback("config", (ONE, ONE), hedge=HedgePolicy(0.1, 10))
    assert may_race(Balance("config", (raced,), (1,)))
    assert not may_race(Fallback("config", (ONE, RETRIED)))


def test_a_form_whose_models_are_limited_is_held() -> None:
    """A field behind its file may name another model, and is judged with the others."""
    form, limited = call(operation=Operation.TRANSCRIPTIONS), target("openai", key_models=("whisper-1",))
    form.request = RequestBody(Body({}), None, stream=False, form=Form(b"", b"b", (), Body({}), is_head=True))
    assert passes(form, route(target("openai"), Operation.TRANSCRIPTIONS))
    assert not passes(form, route(limited, Operation.TRANSCRIPTIONS))
