from typing import Any

import pytest

from penstock.guards.parameters import Parameters
from penstock.routing.problems import Problems


def read(**values: Any) -> tuple[Parameters, Problems]:
    problems = Problems()
    return Parameters(values, "p", problems), problems


def test_values() -> None:
    parameters, problems = read(a="x", n="5", m=2.5, yes=True, many=["a"], one="b", o={"k": 1}, null=None, w="3.0")
    assert (parameters.integer("w"), parameters.integer("none")) == (3, None)
    assert parameters.text("a") == parameters.required_text("a") == "x"
    assert (parameters.number("n"), parameters.number("m"), parameters.number("none", 3)) == (5, 2.5, 3)
    assert parameters.switch("yes")
    assert not parameters.switch("null")
    assert parameters.texts("many") == ("a",)
    assert parameters.texts("one") == ("b",)
    assert parameters.required_texts("many") == ("a",)
    assert parameters.object("o") == {"k": 1}
    assert parameters.choice("a", ("x", "y")) == "x"
    assert parameters.choice("null", ("x", "y"), "y") == "y"
    assert parameters.any("m") == 2.5
    assert parameters.has("a")
    assert not parameters.has("null")
    parameters.refuse_unknown()
    assert problems.failure() is None


@pytest.mark.parametrize(
    "ask",
    [
        lambda p: p.text("v"),
        lambda p: p.switch("v"),
        lambda p: p.number("v"),
        lambda p: p.texts("v"),
        lambda p: p.object("v"),
        lambda p: p.choice("v", ("a", "b")),
        lambda p: p.required_text("w"),
        lambda p: p.required_texts("w"),
        lambda p: p.choice("w", ("a", "b")),
    ],
)
def test_what_is_wrong_is_told_by_path(ask: Any) -> None:
    parameters, problems = read(v=[1])
    ask(parameters)
    failure = problems.failure()
    assert failure is not None
    assert failure.param in {"p.v", "p.w"}


def test_bounds_and_unknown_names() -> None:
    parameters, problems = read(n=-1, m=0.5, w="a", nunber=1)
    assert (parameters.integer("m"), parameters.required_texts("w")) == (None, ())
    assert parameters.number("n", least=0) is None
    parameters.number("number")
    parameters.refuse_unknown()
    failure = problems.failure()
    assert failure is not None
    assert [each.param for each in failure.parts] == ["p.m", "p.w", "p.n", "p.nunber"]
    assert "number" in failure.parts[3].message
