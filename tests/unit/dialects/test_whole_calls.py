"""Calls are told at once, and what comes after them waits."""

from penstock.core.events import Text, ToolArgs, ToolStart
from penstock.dialects.whole_calls import WholeCall, WholeCalls

START = ToolStart(0, "f", "c")
CALL = WholeCall(0, "c", "f", '{"a": 1}')


def test_what_comes_after_a_call_waits_for_it() -> None:
    calls = WholeCalls()
    assert calls.take(Text("a")) == [Text("a")]
    assert (calls.take(START), calls.is_idle, calls.has_calls) == ([], False, True)
    assert calls.take(ToolArgs('{"a"', 0)) == []
    assert calls.take(Text("b")) == []
    assert calls.take(ToolArgs(": 1}", 0)) == [CALL, Text("b")]
    assert (calls.is_idle, calls.failed) == (True, None)


def test_a_call_without_arguments_is_whole_at_the_end() -> None:
    calls = WholeCalls()
    assert calls.take(START) == []
    assert calls.finish(is_cut=False) == [WholeCall(0, "c", "f")]


def test_a_cut_call_is_left_out_and_a_broken_one_fails() -> None:
    for is_cut in (True, False):
        calls = WholeCalls()
        calls.take(START)
        calls.take(ToolArgs('{"a"', 0))
        calls.take(Text("b"))
        assert calls.finish(is_cut=is_cut) == ([Text("b")] if is_cut else [])
        assert (calls.failed is None) is is_cut


def test_arguments_after_the_end_and_a_list_fail() -> None:
    for pieces in (["{}", "more"], ["[1]"], ['{"a" 1}']):
        calls = WholeCalls()
        calls.take(START)
        for piece in pieces:
            calls.take(ToolArgs(piece, 0))
        assert calls.failed is not None
    stray = WholeCalls()
    stray.take(ToolArgs("{}", 3))
    assert stray.failed is not None


def test_no_more_waits_than_can_be_kept() -> None:
    calls = WholeCalls()
    calls.take(START)
    for _ in range(9):
        calls.take(Text("x" * (1 << 20)))
    assert calls.failed is not None
    assert calls.failed.broken
