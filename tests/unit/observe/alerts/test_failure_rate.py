"""Requests and failed requests of the last minutes, of one worker and of several."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from penstock.observe.alerts.failure_rate import FailureRate


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), max_size=50), st.integers(0, 1500))
def test_what_is_older_than_the_window_is_forgotten(requests: list[tuple[int, bool]], later: int) -> None:
    rate = FailureRate(30.0)
    ordered = sorted(requests)
    for at, failed in ordered:
        rate.count(at, is_failed=failed)
    now = max([later, *(at for at, _ in ordered)])
    recent = [failed for at, failed in ordered if at > now - 30]
    assert rate.counts(now) == (len(recent), sum(recent))


def test_a_clock_that_steps_back_counts_in_the_newest_slice() -> None:
    rate = FailureRate(30.0)
    rate.count(100, is_failed=False)
    rate.count(50, is_failed=True)
    assert rate.counts(100) == (2, 1)


def test_workers_of_one_folder_add_up_and_those_that_died_count_on(tmp_path: Path) -> None:
    one, two = FailureRate(30.0, tmp_path), FailureRate(30.0, tmp_path)
    one.count(100, is_failed=True)
    two.count(101, is_failed=False)
    assert one.counts(101) == two.counts(101) == (2, 1)
    one.close()
    three = FailureRate(30.0, tmp_path)
    three.count(102, is_failed=True)
    assert two.counts(102) == three.counts(102) == (3, 2)
    assert len(list(tmp_path.iterdir())) == 2
    assert two.counts(140) == (0, 0)
    two.close()
    three.close()


def test_a_folder_that_is_gone_leaves_the_worker_alone(tmp_path: Path) -> None:
    rate = FailureRate(30.0, tmp_path / "gone")
    rate.count(100, is_failed=True)
    assert rate.counts(100) == (1, 1)
    rate.close()


def test_a_file_that_is_none_of_ours_says_nothing(tmp_path: Path) -> None:
    rate = FailureRate(30.0, tmp_path)
    (tmp_path / "failures-7").write_bytes(b"x")
    assert rate.counts(100) == (0, 0)
    rate.close()
