"""``/model-configs/pricing`` of the admin API over a real socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from administering import RunningAdmin, running_admin
from penstock.prices.book import Overlay, OverlayEntry, PriceBook
from penstock.prices.rates import Case, ModelPrices

PRICES = ModelPrices((Case({"input": 2_500_000, "output": 10_000_000}),))
BOOK = PriceBook((), Overlay("overlay@1", {("together-ai", "meta/llama-3"): OverlayEntry(PRICES)}))
EXPECTED = {"request_token": {"price": 0.00025}, "response_token": {"price": 0.001}}


async def price_book() -> PriceBook:
    return BOOK


@pytest.fixture(scope="module")
def admin() -> Iterator[RunningAdmin]:
    with running_admin(price_book=price_book, aliases={"together": "together-ai"}) as running:
        yield running


@pytest.mark.parametrize("provider", ["together-ai", "together"])
def test_anybody_may_ask_for_a_price(provider: str, admin: RunningAdmin) -> None:
    found = admin.call("GET", f"/model-configs/pricing/{provider}/meta/llama-3", key=None)
    assert (found.status, found.body["pay_as_you_go"], found.body["currency"]) == (200, EXPECTED, "USD")


def test_a_model_without_a_price_is_a_404(admin: RunningAdmin) -> None:
    found = admin.call("GET", "/model-configs/pricing/openai/nobody", key=None)
    assert (found.status, found.body["errorCode"]) == (404, "AB02")
    assert found.body["message"] == "there is no price of the model openai/nobody"
