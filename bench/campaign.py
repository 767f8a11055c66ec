"""One whole run: every scenario with its contenders in turn (A, B, A, B), so that drift hits all of them alike."""

from __future__ import annotations

import http.client
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench import proxy
from bench.failure import MeasurementError
from bench.machine import Tools
from bench.measures import Effort, Run
from bench.results import Row, Sample, rows
from bench.scenarios import Scenario
from bench.subject import Contender
from bench.upstream import Upstream

EXPECTED = (MeasurementError, OSError, http.client.HTTPException, subprocess.SubprocessError)
"""What may go wrong with a contender without ending the run."""


class Campaign:
    """Measures, and remembers what could not be measured."""

    def __init__(
        self, upstream: Upstream, effort: Effort, tools: Tools, home: Path, say: Callable[[str], None]
    ) -> None:
        self.failures: list[str] = []
        self._upstream = upstream
        self._effort = effort
        self._tools = tools
        self._home = home
        self._say = say

    def rows(self, scenarios: Sequence[Scenario], contenders: Sequence[Contender]) -> Iterator[Row]:
        for scenario in scenarios:
            self._say(f"{scenario.name}: {scenario.title}")
            samples = self._samples(scenario, [one for one in contenders if one.role in scenario.roles])
            yield from rows(scenario.name, scenario.metrics, samples, proxy.NAME)

    def _samples(self, scenario: Scenario, contenders: Sequence[Contender]) -> dict[str, list[Sample]]:
        """A contender that fails once is left out of the scenario's later rounds."""
        samples: dict[str, list[Sample]] = {one.name: [] for one in contenders}
        for _ in range(scenario.rounds or self._effort.rounds):
            for contender in [one for one in contenders if one.name in samples]:
                try:
                    samples[contender.name].append(self._sample(scenario, contender))
                except EXPECTED as error:
                    del samples[contender.name]
                    self.failed(f"{scenario.name}, {contender.name}", error)
        return samples

    def _sample(self, scenario: Scenario, contender: Contender) -> Sample:
        """A fresh process every time: no scenario inherits another's memory, connections or caches."""
        with contender.serve(self._upstream) as subject:
            sample = scenario.measure(Run(subject, self._upstream, self._effort, self._tools, self._home))
        self._say(f"  {contender.name}: " + ", ".join(f"{key} {value:.4g}" for key, value in sample.items()))
        return sample

    def failed(self, what: str, error: BaseException) -> None:
        """Note that something could not be measured, and why."""
        self.failures.append(f"{what}: {error}")
        self._say(f"  failed: {what}: {error}")
