"""Price tables: what is read, and how names are found."""

import pytest

from penstock.prices.rates import Case, ModelPrices
from penstock.prices.table import PriceTable, ProviderPrices, TableError, encode, equals, is_met


def priced(picos: int) -> ModelPrices:
    return ModelPrices((Case({"input": picos}),))


TABLE = PriceTable(
    encode(
        "test",
        {
            "openai": ProviderPrices(
                {"gpt-a": priced(1), "GPT-B": priced(2), "gpt-c": priced(3)},
                {"gpt-a-latest": "gpt-a"},
                ((["and", ["^", "gpt-c"], ["in", "mini"]], "gpt-c"), (["re", r"^gpt-d-\d+$"], "gpt-a")),
            ),
            "azure": ProviderPrices({"own": priced(9)}, others=("openai",)),
            "google": ProviderPrices(
                {
                    "g-lte-128k": priced(1), "g-gt-128k": priced(2), "g-lte-200k": priced(3), "g-gt-200k": priced(4),
                    "h-lte-128k": priced(5), "h-gt-128k": priced(6), "i-lte-128k": priced(7),
                }
            ),
        },
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("provider", "model", "name", "match"),
    [
        ("openai", "gpt-a", "gpt-a", "exact"),
        ("openai", "GPT-A", "gpt-a", "exact"),
        ("openai", "gpt-b", "GPT-B", "exact"),
        ("openai", "gpt-a-latest", "gpt-a", "exact"),
        ("openai", "gpt-a-2025-01-31", "gpt-a", "rule"),
        ("openai", "gpt-c-mini-x", "gpt-c", "rule"),
        ("openai", "gpt-d-12", "gpt-a", "rule"),
        ("azure", "own", "own", "exact"),
        ("azure", "gpt-a", "gpt-a", "rule"),
        ("google", "h", "h", "rule"),
        ("google", "h-gt-128k", "h-gt-128k", "exact"),
    ],
)
def test_names_are_found(provider: str, model: str, name: str, match: str) -> None:
    found = TABLE.find(provider, model)
    assert found is not None
    assert (found.name, found.match) == (name, match)


@pytest.mark.parametrize(
    ("provider", "model"), [("openai", "gpt-z"), ("openai", "gpt-c-large"), ("nobody", "gpt-a"), ("google", "i")]
)
def test_names_that_are_not_there(provider: str, model: str) -> None:
    assert TABLE.find(provider, model) is None


def test_of_two_sizes_the_larger_boundary_is_the_present_one() -> None:
    found = TABLE.find("google", "g")
    assert found is not None
    assert [(case.above, case.rates["input"]) for case in found.prices.cases] == [(0, 3), (200_000, 4)]


def test_the_version_tells_the_content() -> None:
    same, other = PriceTable(TABLE.body), PriceTable(encode("test", {}))
    assert same.version == TABLE.version != other.version
    assert TABLE.version.startswith("test@")
    assert TABLE.digest.startswith(TABLE.version.removeprefix("test@"))


def test_what_was_written_is_read_again() -> None:
    providers = {slug: TABLE.provider(slug) for slug in TABLE.providers}
    assert encode("test", providers) == TABLE.body
    assert TABLE.models("openai") == ["GPT-B", "gpt-a", "gpt-c"]
    assert TABLE.models("nobody") == []


@pytest.mark.parametrize("body", [b"", b"[]", b'{"source": 1, "providers": {}}', b'{"source": "x"}', b"\xff"])
def test_no_table(body: bytes) -> None:
    with pytest.raises(TableError):
        PriceTable(body)


def test_damage_is_found_where_it_is() -> None:
    table = PriceTable(b'{"source":"x","providers":{"a":{"models":{"m":{"cases":1}, "n": {"cases": []}}},"b":[]}}')
    with pytest.raises(TableError, match="m: "):
        table.find("a", "m")
    with pytest.raises(TableError, match="b: "):
        table.find("b", "m")
    with pytest.raises(TableError, match="a: "):
        table.provider("a")


def test_clauses() -> None:
    assert is_met(["or", ["=", "a"], ["$", "z"]], "xyz")
    assert not is_met(["unknown", "a"], "a")
    assert [*equals(["or", ["=", "a"], ["or", ["=", "b"], ["^", "c"]]])] == ["a", "b"]
