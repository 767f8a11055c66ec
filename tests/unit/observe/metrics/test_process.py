"""Figures of the process."""

from pathlib import Path

from penstock.observe.metrics.process import process_figures


def test_figures_of_this_process() -> None:
    figures = process_figures()
    assert figures.cpu_seconds > 0
    if Path("/proc/self/statm").exists():
        assert (figures.resident_bytes or 0) > 1 << 20
        assert (figures.open_files or 0) >= 3


def test_a_system_that_does_not_tell(tmp_path: Path) -> None:
    figures = process_figures(tmp_path)
    assert (figures.resident_bytes, figures.open_files) == (None, None)
    (tmp_path / "statm").write_text("x")
    assert process_figures(tmp_path).resident_bytes is None
