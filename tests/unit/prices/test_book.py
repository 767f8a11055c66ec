"""Which price holds: the order of sources, regions and modes, and look-ups that are remembered."""

import tracemalloc

import msgspec
import pytest

from penstock.core.prices import Prices
from penstock.core.usage import Usage
from penstock.prices.adjust import OwnPrices
from penstock.prices.book import EMPTY, Overlay, OverlayEntry, Price, PriceBook
from penstock.prices.charge import picos
from penstock.prices.rates import Case, ModelPrices
from penstock.prices.table import PriceTable, ProviderPrices, encode

NOW = 1_800_000_000.0


def model(*cases: Case) -> ModelPrices:
    return ModelPrices(cases)


def table(source: str = "base", **models: ModelPrices) -> PriceTable:
    return PriceTable(encode(source, {"openai": ProviderPrices(models)}))


def plain(picos: int) -> ModelPrices:
    return model(Case({"input": picos, "output": 2 * picos}))


def overlay(picos: int, *, replaces: bool = False) -> Overlay:
    return Overlay("overlay@1", {("openai", "m"): OverlayEntry(plain(picos), replaces)})


def found(
    book: PriceBook, name: str = "m", region: str = "", mode: str = "standard", own: OwnPrices | None = None
) -> Price:
    price = book.look_up("openai", name, region, mode, own)
    assert price is not None
    return price


def test_custom_comes_before_multipliers_before_base_before_overlay_before_none() -> None:
    """docs/prices.md#order"""
    base = table(m=plain(100))
    book = PriceBook([base], overlay(7))
    own = OwnPrices("own@1", {"m": plain(5)}, {}, {"default": (3, 2)})
    custom = found(book, own=own)
    assert (custom.match, custom.version, custom.case(1, NOW).rates["input"]) == ("custom", "own@1", 5)
    adjusted = found(book, own=OwnPrices("own@2", {}, {}, {"default": (3, 2)}))
    assert (adjusted.match, adjusted.version) == ("exact", f"{base.version}*own@2")
    assert adjusted.case(1, NOW).rates == {"input": 150, "output": 300}
    assert (found(book).match, found(book).version) == ("exact", base.version)
    unknown = found(PriceBook([table(x=plain(1))], overlay(7)))
    assert (unknown.match, unknown.version, unknown.case(1, NOW).rates["input"]) == ("overlay", "overlay@1", 7)
    assert PriceBook([base]).look_up("openai", "nobody") is None


def test_the_built_in_provider_is_free_unless_the_operator_prices_it() -> None:
    price = EMPTY.look_up("echo", "echo")
    assert price is not None
    assert (price.match, price.of_tokens) == ("built_in", (0, 0))
    assert picos(Usage(prompt=1000, completion=1000), price, NOW) == 0
    multiplied = EMPTY.look_up("echo", "echo", own=OwnPrices("own@2", {}, {}, {"default": (3, 2)}))
    assert multiplied is not None
    assert multiplied.of_tokens == (0, 0)
    assert EMPTY.look_up("echo", "gpt-4o") is None
    own = PriceBook((), Overlay("overlay@1", {("echo", "echo"): OverlayEntry(plain(7))}))
    priced = own.look_up("echo", "echo")
    assert priced is not None
    assert priced.of_tokens == (7, 14)


def test_an_overlay_that_replaces_comes_before_the_tables() -> None:
    price = found(PriceBook([table(m=plain(100))], overlay(7, replaces=True)))
    assert (price.match, price.case(1, NOW).rates["input"]) == ("overlay", 7)


def test_the_first_table_has_the_say_and_the_next_one_the_rest() -> None:
    loaded, base = table("loaded", m=plain(1)), table("base", m=plain(2), n=plain(3))
    book = PriceBook([loaded, base])
    assert found(book).version == loaded.version
    assert found(book, "n").version == base.version
    assert book.version == f"{loaded.version}+{base.version}"


def test_a_model_that_is_based_on_another_one_has_its_price() -> None:
    own = OwnPrices("own@1", {}, {"mine": "m"})
    assert found(PriceBook([table(m=plain(4))]), "mine", own=own).case(1, NOW).rates["input"] == 4


def test_regions_and_modes() -> None:
    book = PriceBook(
        [
            table(
                m=model(
                    Case({"input": 10}),
                    Case({"input": 20}, "priority"),
                    Case({"input": 11}, regions=("eu-west-1", "eu-west-2")),
                    Case({"input": 5}, "batch"),
                )
            )
        ]
    )

    def price(region: str, mode: str) -> int:
        return found(book, region=region, mode=mode).case(1, NOW).rates["input"]

    assert [price("", "standard"), price("eu-west-2", "standard"), price("us-east-1", "standard")] == [10, 11, 10]
    assert [price("", "priority"), price("eu-west-1", "priority")] == [20, 20]
    assert [price("", "batch"), price("eu-west-1", "batch"), price("", "flex")] == [5, 5, 10]


def test_batch_costs_half_where_nothing_else_is_said() -> None:
    price = found(PriceBook([table(m=model(Case({"input": 7, "unit.web_search": 9})))]), mode="batch")
    assert price.case(1, NOW).rates == {"input": 4, "unit.web_search": 9}


def test_the_newest_prices_then_the_time_of_day_then_the_largest_prompt() -> None:
    price = found(
        PriceBook(
            [
                table(
                    m=model(
                        Case({"input": 1}),
                        Case({"input": 2}, above=100),
                        Case({"input": 3}, since=int(NOW)),
                        Case({"input": 4}, since=int(NOW), daily=(0, 60)),
                    )
                )
            ]
        )
    )
    midnight = NOW // 86_400 * 86_400 + 86_400
    assert [price.case(1, NOW - 1).rates["input"], price.case(101, NOW - 1).rates["input"]] == [1, 2]
    assert [price.case(101, midnight + 61).rates["input"], price.case(1, midnight).rates["input"]] == [3, 4]
    assert not price.is_steady


def test_of_two_cases_for_the_same_the_later_one_holds() -> None:
    price = found(PriceBook([table(m=model(Case({"input": 1}), Case({"input": 2})))]))
    assert [case.rates["input"] for case in price.cases] == [2]


def test_prices_of_the_future_are_no_reason_for_none() -> None:
    price = found(PriceBook([table(m=model(Case({"input": 1}, since=2**40)))]))
    assert price.case(1, NOW).rates["input"] == 1


def test_a_model_without_prices_is_unknown() -> None:
    assert PriceBook([table(m=model())]).look_up("openai", "m") is None
    assert EMPTY.look_up("openai", "m") is None


def test_a_strict_estimate_takes_the_highest_price() -> None:
    book = PriceBook(
        [
            table(
                m=model(
                    Case({"input": 10, "output": 20, "cache_write": 12, "cache_write_1h": 16, "unit.web_search": 5}),
                    Case(
                        {"input": 15, "output": 30, "reasoning": 40, "unit.web_search": 4, "request": 1}, above=200_000
                    ),
                )
            )
        ]
    )
    assert found(book).estimate(NOW, strict=True) == Prices(16, 40, 1, {"web_search": 5})
    assert found(book).estimate(NOW, strict=False) == Prices(10, 20, 0, {"web_search": 5})
    assert found(book).estimate(NOW, strict=True) is found(book).estimate(NOW + 1, strict=True)


def test_an_estimate_follows_prices_in_time() -> None:
    book = PriceBook([table(m=model(Case({"input": 9}), Case({"input": 2}, since=int(NOW))))])
    prices = [found(book).estimate(at, strict=True) for at in (NOW - 1, NOW)]
    assert [each.input for each in prices] == [9, 2]


def test_a_look_up_is_remembered_and_allocates_nothing() -> None:
    book = PriceBook([table(m=plain(1))])
    first = book.look_up("openai", "m")
    book.look_up("openai", "nobody")
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            book.look_up("openai", "m")
            book.look_up("openai", "nobody")
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert book.look_up("openai", "m") is first
    assert grown < 2000 * 8  # a pointer for each look-up; threads of other tests may take some hundred bytes meanwhile


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.prices.book._REMEMBERED", 4)
    book = PriceBook([table(m=plain(1))])
    for number in range(100):
        book.look_up("openai", f"made-up-{number}")
    assert len(book._remembered) == 4


def test_a_price_of_tokens_alone_is_told_as_such() -> None:
    several = model(Case({"input": 1}), Case({"input": 2}, above=100))
    by_request = model(Case({"input": 1, "request": 9}))
    book = PriceBook((table(m=plain(3), free=model(Case({})), several=several, by_request=by_request),), EMPTY.overlay)
    assert [found(book, name).of_tokens for name in ("m", "free", "several", "by_request")] == [
        (3, 6),
        (0, 0),
        None,
        None,
    ]
    for usage in (Usage(5, 7), Usage(5, None), Usage(5, 7, cached=2), Usage(5, 7, units={"x": 1})):
        price = found(book)
        assert picos(usage, price, NOW) == picos(usage, msgspec.structs.replace(price, of_tokens=None), NOW)
