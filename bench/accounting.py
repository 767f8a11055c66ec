"""What a process tree has used, read from /proc: CPU time, resident memory, open files."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_CPUCLOCK_SCHED = 2
"""Which of a process's clocks: the scheduler's account (include/linux/posix-timers.h)."""


@dataclass(frozen=True)
class Stat:
    """The fields of /proc/PID/stat that matter here."""

    pid: int
    parent: int
    children_ticks: int
    """User and system time of the children that the process has already waited for."""


def parse_stat(text: str) -> Stat:
    """Read one /proc/PID/stat line (proc(5)); the command name in parentheses may itself hold any character."""
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    return Stat(int(head.partition(" ")[0]), int(fields[1]), sum(map(int, fields[13:15])))


def descendants(root: int, stats: Iterable[Stat]) -> list[Stat]:
    """The process itself and everything below it."""
    by_parent: dict[int, list[Stat]] = {}
    tree = []
    for stat in stats:
        by_parent.setdefault(stat.parent, []).append(stat)
        if stat.pid == root:
            tree.append(stat)
    for stat in tree:
        tree.extend(by_parent.get(stat.pid, ()))
    return tree


def cpu_seconds(root: int) -> float:
    """CPU time of the tree: of each process to the nanosecond, of children that have ended to the tick (10 ms)."""
    return sum(_own_seconds(stat.pid) + stat.children_ticks / _TICKS_PER_SECOND for stat in _tree(root))


def own_seconds(root: int) -> dict[int, float]:
    """CPU time of each process of the tree, by its number."""
    return {stat.pid: _own_seconds(stat.pid) for stat in _tree(root)}


def _own_seconds(pid: int) -> float:
    """CPU time of all threads of a process, by its clock (clock_getcpuclockid(3)); 0 for one that has ended."""
    try:
        return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)
    except OSError:
        return 0.0


def resident_kb(root: int) -> int:
    """Resident memory of the tree; pages that processes share count once for each."""
    total = 0
    for stat in _tree(root):
        with suppress(FileNotFoundError):
            total += _resident_kb((_PROC / str(stat.pid) / "status").read_text(encoding="utf-8"))
    return total


def open_files(root: int) -> int:
    total = 0
    for stat in _tree(root):
        with suppress(FileNotFoundError):
            total += sum(1 for _ in (_PROC / str(stat.pid) / "fd").iterdir())
    return total


def _resident_kb(status: str) -> int:
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def _tree(root: int) -> list[Stat]:
    return descendants(root, _every_process())


def _every_process() -> Iterable[Stat]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            # A process may end between the listing and the reading.
            with suppress(FileNotFoundError, ProcessLookupError):
                yield parse_stat((entry / "stat").read_text(encoding="utf-8", errors="replace"))
