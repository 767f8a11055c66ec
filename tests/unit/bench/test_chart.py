"""The benchmark's SVG chart."""

from __future__ import annotations

from xml.etree import ElementTree

from bench import chart
from bench.report import Report
from bench.results import Budget, Figure, Metric, Of, Row

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*cost: dict[str, float], budget: float | None = 6) -> ElementTree.Element:
    metric = Metric("cpu", "CPU <per> request", "µs", None if budget is None else Budget(budget, Of.RATIO))
    rows = tuple(Row("chat", metric, {name: Figure((value,)) for name, value in one.items()}, "nginx") for one in cost)
    report = Report({}, {}, ("nginx", "penstock", "portkey"), "penstock", rows, ())
    return ElementTree.fromstring(chart.svg(report))  # noqa: S314 (our own text)


def bars(picture: ElementTree.Element) -> list[float]:
    """The widths of the bars, which share a height that nothing else has."""
    return [float(one.attrib["width"]) for one in picture.iter(f"{SVG}rect") if one.attrib["height"] == "14"]


def texts(picture: ElementTree.Element) -> set[str | None]:
    return {one.text for one in picture.iter(f"{SVG}text")}


def titles(picture: ElementTree.Element) -> list[str | None]:
    return [one.text for one in picture.iter(f"{SVG}title")]


def test_bars_are_as_long_as_their_ratios() -> None:
    near, far = bars(drawn({"nginx": 10, "penstock": 40, "portkey": 80}))
    assert round(far / near, 2) == 2
    assert {"4×", "8×", "chat: CPU <per> request"} <= texts(drawn({"nginx": 10, "penstock": 40, "portkey": 80}))


def test_distant_peers_get_a_logarithmic_scale() -> None:
    near, far = bars(drawn({"nginx": 10, "penstock": 40, "portkey": 10_000}))
    assert 1 < far / near < 5


def test_everything_stays_inside_the_picture() -> None:
    picture = drawn({"nginx": 10, "penstock": 0.001, "portkey": 10_000}, {"nginx": 1, "penstock": 2})
    width, height = float(picture.attrib["width"]), float(picture.attrib["height"])
    for rectangle in picture.iter(f"{SVG}rect"):
        x, y = float(rectangle.get("x", 0)), float(rectangle.get("y", 0))
        assert 0 <= x <= x + float(rectangle.attrib["width"]) <= width
        assert 0 <= y <= y + float(rectangle.attrib["height"]) <= height


def test_the_budget_is_a_mark_of_its_own() -> None:
    assert titles(drawn({"nginx": 10, "penstock": 40})) == ["nginx = 1", "budget ≤ 6×"]
    assert titles(drawn({"nginx": 10, "penstock": 40}, budget=None)) == ["nginx = 1"]


def test_rows_without_a_ratio_are_not_drawn() -> None:
    assert bars(drawn({"penstock": 40})) == []
    assert bars(drawn()) == []
