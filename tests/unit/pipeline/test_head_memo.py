"""What requests with the same head share is used only while the catalogue is the one that it was worked out with."""

from typing import cast

from penstock.pipeline.authenticate import ANYBODY
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.pipeline.head_memo import HeadMemo
from penstock.routing.plan import Plan
from penstock.stores.catalogue import Catalogue

PLAN = CompiledPlan(cast("Plan", None))


def test_a_caller_and_a_plan_of_one_catalogue_are_kept() -> None:
    memo, catalogue = HeadMemo(), Catalogue()
    memo.keep_caller(ANYBODY, catalogue)
    memo.keep_plan(PLAN, "path", catalogue)
    assert (memo.caller, memo.compiled, memo.named_in, memo.catalogue) == (ANYBODY, PLAN, "path", catalogue)


def test_another_catalogues_caller_takes_the_plan_away() -> None:
    memo, catalogue = HeadMemo(), Catalogue()
    memo.keep_caller(ANYBODY, Catalogue())
    memo.keep_plan(PLAN, "", catalogue)
    assert memo.compiled is None
    memo.keep_caller(ANYBODY, catalogue)
    memo.keep_plan(PLAN, "", catalogue)
    memo.keep_caller(ANYBODY, Catalogue())
    assert memo.compiled is None
