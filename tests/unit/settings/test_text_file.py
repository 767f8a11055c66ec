"""Files within a bound, and TOML with all its errors."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from penstock.settings.text_file import BadToml, TooLarge, parse_toml, read_stream, read_text


def test_a_file_has_a_largest_size(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\xef\xbb\xbfabc")
    assert read_text(path, 6) == "abc"
    with pytest.raises(TooLarge, match="it is larger than 5 bytes"):
        read_text(path, 5)


def test_a_file_without_an_end_is_too_large() -> None:
    with pytest.raises(TooLarge):
        read_text(Path("/dev/zero"), 1000)


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    """Opening it would wait for somebody who writes."""
    pipe = tmp_path / "a"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="it is a pipe and no file"):
        read_text(pipe, 6)


def test_a_pipe_can_be_an_input() -> None:
    readable, writable = os.pipe()
    os.write(writable, b"abc")
    os.close(writable)
    try:
        assert read_text(Path(f"/dev/fd/{readable}"), 6, is_input=True) == "abc"
    finally:
        os.close(readable)


def test_no_more_is_read_than_may_be() -> None:
    stream = io.BytesIO(b"x" * 1000)
    with pytest.raises(TooLarge):
        read_stream(stream, 10)
    assert stream.tell() == 11


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a =", "Invalid value"),
        ("a = " + "1" * 100_000, "a number has too many digits"),
        ("a = " + "[" * 100_000, "it is nested too deeply"),
        ("[" + "a." * 100_000 + "a]", "a key has more than 1000 parts"),
        ("a . " * 2000 + "a = 1", "a key has more than 1000 parts"),
        ('"b".' * 2000 + "a = 1", "a key has more than 1000 parts"),
    ],
)
def test_what_is_no_toml(text: str, reason: str) -> None:
    with pytest.raises(BadToml, match=reason):
        parse_toml(text)


def test_many_dots_are_no_long_key() -> None:
    assert len(parse_toml("a = [" + "1.5, " * 2000 + "]")["a"]) == 2000
    assert len(parse_toml('a = "' + "b." * 2000 + '"')["a"]) == 4000
