"""From samples to rows: medians, ratios to the reference, and how a row compares with its budget. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import median

Sample = Mapping[str, float]
"""What one measurement found: metric key to value. A metric that was not taken is absent."""


class Of(Enum):
    """What a budget bounds."""

    VALUE = ""
    RATIO = "×"


@dataclass(frozen=True)
class Budget:
    """The bar that the project set itself."""

    limit: float
    of: Of

    def __str__(self) -> str:
        return f"≤ {self.limit:g}{self.of.value}"


@dataclass(frozen=True)
class Metric:
    """One figure of a scenario. Less is better unless ``compared`` is false: then it is shown for information only."""

    key: str
    label: str
    unit: str
    budget: Budget | None = None
    compared: bool = True


@dataclass(frozen=True)
class Figure:
    """One contender's samples of one metric."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.samples)


@dataclass(frozen=True)
class Row:
    """One metric of one scenario, for every contender that took part."""

    scenario: str
    metric: Metric
    figures: Mapping[str, Figure]
    reference: str

    def ratio(self, contender: str) -> float | None:
        """The contender's median divided by the reference's, where that says something."""
        if (
            not self.metric.compared
            or contender == self.reference
            or not {contender, self.reference} <= set(self.figures)
        ):
            return None
        divisor = self.figures[self.reference].median
        return self.figures[contender].median / divisor if divisor > 0 else None

    def within_budget(self, contender: str) -> bool | None:
        """Whether the contender keeps the budget; None where there is none or nothing to hold against it."""
        budget = self.metric.budget
        if budget is None or contender not in self.figures:
            return None
        value = self.ratio(contender) if budget.of is Of.RATIO else self.figures[contender].median
        return None if value is None else value <= budget.limit


def rows(
    scenario: str, metrics: Sequence[Metric], samples: Mapping[str, Sequence[Sample]], reference: str
) -> list[Row]:
    """One row a metric; metrics that nobody took are left out."""
    found = []
    for metric in metrics:
        figures = {
            contender: Figure(values)
            for contender, taken in samples.items()
            if (values := tuple(sample[metric.key] for sample in taken if metric.key in sample))
        }
        if figures:
            found.append(Row(scenario, metric, figures, reference))
    return found
