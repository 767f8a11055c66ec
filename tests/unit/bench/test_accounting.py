"""Reading /proc."""

from __future__ import annotations

import os
import time

import pytest
from bench import accounting
from bench.accounting import Stat


@pytest.mark.parametrize("name", ["nginx", "a (b) c", ") 1 2"])
def test_a_stat_line_is_read_whatever_the_command_is_called(name: str) -> None:
    line = f"42 ({name}) S 7 42 42 0 -1 4194560 500 0 1 0 150 50 20 10 20 0 1 0 999 1000 100"
    assert accounting.parse_stat(line) == Stat(pid=42, parent=7, children_ticks=30)


def test_a_tree_is_the_process_and_all_below_it() -> None:
    stats = [Stat(4, 3, 8), Stat(1, 0, 1), Stat(2, 1, 2), Stat(3, 2, 4), Stat(5, 1, 16)]
    assert {stat.pid for stat in accounting.descendants(2, stats)} == {2, 3, 4}
    assert accounting.descendants(9, stats) == []


def test_this_process_can_be_read() -> None:
    assert accounting.resident_kb(os.getpid()) > 1000
    assert accounting.open_files(os.getpid()) >= 3
    assert accounting.own_seconds(os.getpid())[os.getpid()] > 0


def test_computing_is_counted_more_finely_than_ticks() -> None:
    before, own = accounting.cpu_seconds(os.getpid()), time.process_time()
    sum(range(100_000))
    used = accounting.cpu_seconds(os.getpid()) - before
    assert used > 0
    assert used == pytest.approx(time.process_time() - own, abs=0.1)


def test_a_process_that_is_gone_has_used_nothing() -> None:
    gone = 2**22 + 1  # above the largest process id that Linux gives
    assert accounting.cpu_seconds(gone) == accounting.resident_kb(gone) == accounting.open_files(gone) == 0
