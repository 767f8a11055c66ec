"""The ratios of a report as one SVG picture: a bar for every contender, a tick where the budget ends. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from html import escape

from bench.report import Report, number
from bench.results import Of, Row

_WIDTH = 860
_LEFT = 280
_RIGHT = 90
_BAR = 14
_GAP = 16
_TOP = 64
_COLOURS = ("#2f6f9f", "#b5563c", "#7a7a3a", "#6b5b95")
_LINEAR_UP_TO = 20.0

_Bar = tuple[int, str, float]
"""Index of the contender, its name and its ratio."""


def svg(report: Report) -> str:
    """Every compared row with a ratio; nginx itself is the line at 1."""
    groups = [(row, bars) for row in report.rows if (bars := _bars(report, row))]
    largest = max((_extent(row, bars) for row, bars in groups), default=2.0)
    place = _scale(largest)
    body: list[str] = []
    y = _TOP
    for row, bars in groups:
        body.extend(_group(row, bars, y, place))
        y += len(bars) * (_BAR + 2) + _GAP
    axis = _line(place(1.0), _TOP - 8, y - _GAP + 4, "#333", f"{report.contenders[0]} = 1")
    legend = "".join(_legend(report))
    kind = "linear" if largest <= _LINEAR_UP_TO else "logarithmic"
    title = f"Cost as a multiple of {report.contenders[0]}, same run, same core ({kind} scale, less is better)"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}" viewBox="0 0 {_WIDTH} {y}" '
        'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{_WIDTH}" height="{y}" fill="#fff"/>\n'
        f'<text x="16" y="24" font-size="15" font-weight="bold">{escape(title)}</text>\n'
        f"{legend}\n{axis}\n" + "\n".join(body) + "\n</svg>\n"
    )


def _bars(report: Report, row: Row) -> list[_Bar]:
    others = enumerate(report.contenders[1:])
    return [(index, name, ratio) for index, name in others if (ratio := row.ratio(name)) is not None and ratio > 0]


def _extent(row: Row, bars: list[_Bar]) -> float:
    return max([_budget(row) or 1.0, *(ratio for _, _, ratio in bars)])


def _budget(row: Row) -> float | None:
    budget = row.metric.budget
    return budget.limit if budget is not None and budget.of is Of.RATIO else None


def _scale(largest: float) -> Callable[[float], float]:
    """From a ratio to a place on the x axis: linear from 0 while peers are near, else logarithmic from 1/2."""
    room = _WIDTH - _LEFT - _RIGHT
    if largest <= _LINEAR_UP_TO:
        return lambda ratio: _LEFT + room * ratio / largest
    low, span = math.log(0.5), math.log(largest) - math.log(0.5)
    return lambda ratio: _LEFT + room * max(0.0, (math.log(ratio) - low) / span)


def _group(row: Row, bars: list[_Bar], y: int, place: Callable[[float], float]) -> Iterator[str]:
    height = len(bars) * (_BAR + 2)
    label = escape(f"{row.scenario}: {row.metric.label}")
    yield f'<text x="{_LEFT - 10}" y="{y + height / 2 + 3:.0f}" text-anchor="end">{label}</text>'
    for offset, (index, _, ratio) in enumerate(bars):
        top, end = y + offset * (_BAR + 2), place(ratio)
        yield (
            f'<rect x="{_LEFT}" y="{top}" width="{end - _LEFT:.1f}" height="{_BAR}" fill="{_colour(index)}"/>'
            f'<text x="{end + 6:.1f}" y="{top + _BAR - 3}">{number(ratio)}×</text>'
        )
    budget = _budget(row)
    if budget is not None:
        yield _line(place(budget), y - 3, y + height + 1, "#c00", f"budget ≤ {budget:g}×")


def _line(x: float, top: float, bottom: float, colour: str, title: str) -> str:
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top:.0f}" y2="{bottom:.0f}" stroke="{colour}" stroke-dasharray="4 2">'
        f"<title>{escape(title)}</title></line>"
    )


def _legend(report: Report) -> Iterator[str]:
    for index, name in enumerate(report.contenders[1:]):
        x = 16 + index * 130
        yield f'<rect x="{x}" y="36" width="12" height="12" fill="{_colour(index)}"/>'
        yield f'<text x="{x + 18}" y="46">{escape(name)}</text>'
    dashes = f"dashed: {report.contenders[0]} (dark), budget (red)"
    yield f'<text x="{_WIDTH - 16}" y="46" text-anchor="end">{escape(dashes)}</text>'


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]
