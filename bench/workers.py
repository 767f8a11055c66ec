"""How ``--workers 2`` scales: chat with one worker and with two, in turn, both allowed on all cores of the machine.

On two cores the load and the mock take their share of both, so that the rate can't double. What tells is that a request
costs no more, and that both workers get their part.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Final

from bench import accounting, payload, process, route
from bench.gateway import COMMAND
from bench.measures import Run, chat_cpu
from bench.results import Sample
from bench.route import Route
from bench.subject import Subject, gateway_way, until_it_answers

_PATIENCE: Final = 30.0
_TURNS: Final = 2
"""Times that the two take turns in one measurement: the machine's other work then weighs on both."""


def workers(run: Run) -> Sample:
    """CPU per request and rate of both, what the busier of two workers did of all, and what the second one added to the
    memory that is resident."""
    taken: dict[int, list[Sample]] = {1: [], 2: []}
    with _serving(run, 1) as one, _serving(run, 2) as two:
        added = (two.process.resident_kb - one.process.resident_kb) / 1024
        for _ in range(_TURNS):
            for count, subject in ((1, one), (2, two)):
                before = _used(subject)
                sample = chat_cpu(replace(run, subject=subject), subject, route.by_headers)
                spent = [after - before.get(pid, 0.0) for pid, after in _used(subject).items()]
                taken[count].append({**sample, "share": 100 * max(spent) / sum(spent)})
    means = {
        f"{name}_{count}": sum(sample[name] for sample in samples) / _TURNS
        for count, samples in taken.items()
        for name in ("cpu", "rate", "share")
    }
    del means["share_1"]
    return {**means, "ratio": means["cpu_2"] / means["cpu_1"], "added": added}


def _used(subject: Subject) -> dict[int, float]:
    """The seconds of processor time of each process that has worked at all."""
    return {pid: used for pid, used in accounting.own_seconds(subject.process.popen.pid).items() if used}


@contextmanager
def _serving(run: Run, count: int) -> Iterator[Subject]:
    port = process.free_port()
    words = [word.replace("{port}", str(port)) for word in COMMAND]
    cores = frozenset(range(os.cpu_count() or 1))
    home = run.home / f"workers-{count}"
    home.mkdir(exist_ok=True)
    environment = {"PENSTOCK_STORE_DATA_DIR": str(home)}
    serve = partial(process.running, [*words, "--workers", str(count)], cores, home / "gateway.log", environment)
    with serve() as server:
        first = Route(port, route.CHAT_PATH, route.by_echo(""))
        seconds = until_it_answers(server, first, payload.chat(model="echo"), _PATIENCE)
        yield Subject(server, gateway_way(port, run.upstream), seconds)
