"""Figures of this process, as far as the system tells them (Linux's /proc; elsewhere fewer)."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

import msgspec

_PROC: Final = Path("/proc/self")


class ProcessFigures(msgspec.Struct, frozen=True):
    """CPU time in seconds; memory in bytes and open files, None where the system doesn't tell them."""

    cpu_seconds: float
    resident_bytes: int | None
    open_files: int | None
    most_files: int | None


def process_figures(proc: Path = _PROC) -> ProcessFigures:
    """The figures now. ``proc`` is the process's folder in /proc."""
    return ProcessFigures(time.process_time(), _resident(proc), _open_files(proc), _most_files())


def _resident(proc: Path) -> int | None:
    """https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html: the second number, in pages."""
    try:
        return int((proc / "statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def _open_files(proc: Path) -> int | None:
    try:
        return sum(1 for _ in (proc / "fd").iterdir()) - 1  # without the one that lists them
    except OSError:
        return None


def _most_files() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft
