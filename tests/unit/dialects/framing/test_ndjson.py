"""The line splitter: whatever the pieces, the same lines."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.dialects.framing import ndjson
from penstock.dialects.framing.frame import FrameError
from penstock.dialects.framing.ndjson import LineSplitter

STREAM = '{"a":"ž"}\n\n{"b":"x\u2028\u0085y"}\r\n \n{"c":1}'.encode()
LINES = ['{"a":"ž"}'.encode(), '{"b":"x\u2028\u0085y"}'.encode(), b'{"c":1}']


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_split_gives_the_same_lines(cuts: list[int]) -> None:
    splitter = LineSplitter()
    marks = [0, *sorted(cuts), len(STREAM)]
    found = [line for a, b in itertools.pairwise(marks) for line in splitter.feed(STREAM[a:b])]
    assert [*found, *splitter.finish()] == LINES


def test_a_line_is_told_as_soon_as_it_is_whole() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b'{"a":') == []
    assert splitter.feed(b"1}\r") == []
    assert splitter.feed(b'\n{"b":2}\n{"c"') == [b'{"a":1}', b'{"b":2}']
    assert splitter.finish() == [b'{"c"']
    assert splitter.finish() == []


@pytest.mark.parametrize("pieces", [[b"0123456789"], [b"01234", b"56789"], [b"0123456789\n"], [b"012345678", b"9\n"]])
def test_a_line_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch, pieces: list[bytes]) -> None:
    monkeypatch.setattr(ndjson, "MAX_FRAME", 9)
    splitter = LineSplitter()
    assert splitter.feed(b"012345678\n") == [b"012345678"]
    for piece in pieces[:-1]:
        assert splitter.feed(piece) == []
    with pytest.raises(FrameError, match="a line of more than"):
        splitter.feed(pieces[-1])


@pytest.mark.parametrize(
    ("data", "several"),
    [
        (b'{"a":1}\n{"b":2}\n', True),
        (b' {"a":1}\r\n{"b', True),
        (b'{"a":1}\n', False),
        (b'{"a":1}', False),
        (b'{\n "a": 1\n}\n', False),
        (b"", False),
    ],
)
def test_several_lines_are_told_from_one_value(data: bytes, several: bool) -> None:
    assert ndjson.is_several(data) is several
