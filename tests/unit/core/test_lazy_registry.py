"""A registry loads a value when it is asked for, and once."""

import sys

import pytest

from penstock.core.lazy_registry import LazyRegistry, load

REGISTRY = LazyRegistry[int]({"one": "colorsys:ONE_THIRD", "none": "colorsys:nothing", "no module": "nowhere:x"})


def test_names_are_known_without_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    assert list(REGISTRY) == ["one", "none", "no module"]
    assert len(REGISTRY) == 3
    assert "one" in REGISTRY
    assert "two" not in REGISTRY
    assert REGISTRY.get("two") is None
    assert "colorsys" not in sys.modules


def test_a_value_is_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = REGISTRY["one"]
    monkeypatch.setattr("colorsys.ONE_THIRD", 7)
    assert REGISTRY["one"] is first
    assert load("colorsys:ONE_THIRD") == 7


@pytest.mark.parametrize(
    ("name", "error"), [("two", KeyError), ("none", AttributeError), ("no module", ModuleNotFoundError)]
)
def test_what_is_not_there(name: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        REGISTRY[name]
