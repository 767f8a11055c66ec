"""The run as a table for people and as JSON for programs. Pure; chart.py draws the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.results import Row


@dataclass(frozen=True)
class Report:
    """Everything that one run found."""

    machine: Mapping[str, str]
    effort: Mapping[str, Any]
    contenders: tuple[str, ...]
    """In the order of the columns; the reference first."""
    judged: str
    """The contender that the budgets are meant for."""
    rows: tuple[Row, ...]
    failures: tuple[str, ...]


def table(report: Report) -> str:
    """One line a metric: every contender's median, its ratio to the reference, the budget and the verdict."""
    reference, *others = report.contenders
    header = ["scenario", "metric", reference]
    for other in others:
        header += [other, "ratio"]
    lines = [[*header, "budget", ""]]
    previous = None
    for row in report.rows:
        lines.append([row.scenario if row.scenario != previous else "", *_cells(report, row)])
        previous = row.scenario
    return _aligned(lines, left=2)


def _cells(report: Report, row: Row) -> list[str]:
    reference, *others = report.contenders
    unit = f", {row.metric.unit}" if row.metric.unit else ""
    cells = [row.metric.label + unit, _median(row, reference)]
    for other in others:
        ratio = row.ratio(other)
        cells += [_median(row, other), "" if ratio is None else f"{number(ratio)}×"]
    budget = row.metric.budget
    return [*cells, "" if budget is None else str(budget), verdict(row, report.judged)]


def _median(row: Row, contender: str) -> str:
    figure = row.figures.get(contender)
    return "-" if figure is None else number(figure.median)


def verdict(row: Row, contender: str) -> str:
    match row.within_budget(contender):
        case True:
            return "ok"
        case False:
            return "over"
        case None:
            return ""


def number(value: float) -> str:
    """About three significant digits, thousands separated, no exponent."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def _aligned(lines: Sequence[Sequence[str]], left: int) -> str:
    """Columns separated by two spaces: the first ``left`` to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def as_json(report: Report) -> dict[str, Any]:
    return {
        "machine": dict(report.machine),
        "effort": dict(report.effort),
        "reference": report.contenders[0],
        "judged": report.judged,
        "results": [_row_as_json(report, row) for row in report.rows],
        "failures": list(report.failures),
    }


def _row_as_json(report: Report, row: Row) -> dict[str, Any]:
    return {
        "scenario": row.scenario,
        "metric": row.metric.key,
        "label": row.metric.label,
        "unit": row.metric.unit,
        "budget": None if row.metric.budget is None else str(row.metric.budget),
        "within_budget": row.within_budget(report.judged),
        "contenders": {
            name: {"median": figure.median, "ratio": row.ratio(name), "samples": list(figure.samples)}
            for name, figure in row.figures.items()
        },
    }
