"""The report of an importer: a line for each field, and which of them need the operator's consent."""

from __future__ import annotations

from penstock.importers.report import MOST_LINES, Line, Outcome, Report


def test_a_line_has_a_mark_a_path_and_a_text() -> None:
    report = Report()
    report.exact("a", "same")
    report.near("b.c", "nearly", needs_consent=True)
    report.lost("d[0]", "gone")
    assert str(report).splitlines() == [
        "= a: same",
        "~ b.c: nearly (!)",
        "✗ d[0]: gone",
        "1 exact (=), 1 near (~), 1 not carried over (✗); 1 would widen access, loosen a limit or shut callers out (!)",
    ]
    assert [line.path for line in report.blocking] == ["b.c", "d[0]"]
    assert report.values()[1] == {"outcome": "~", "path": "b.c", "text": "nearly", "needs_consent": True}


def test_names_of_the_file_can_break_no_line() -> None:
    report = Report()
    report.exact("a\nb\x1b[31m", "x" * 1000)
    [line] = report.lines
    assert line == Line(Outcome.EXACT, "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[31m", "x" * 300 + "…")


def test_a_report_has_an_end_and_says_so() -> None:
    report = Report()
    for _ in range(MOST_LINES + 10):
        report.exact("a", "b")
    assert len(report.lines) == MOST_LINES + 1
    assert report.blocking == report.lines[-1:]
