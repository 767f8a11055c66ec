"""Tools are read once, by their bytes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock.core.chat import Tool
from penstock.dialects.malformed import Malformed
from penstock.dialects.tool_memory import ToolMemory


class Reader:
    """Reads one tool, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> Iterator[Tool]:
        self.times += 1
        yield Tool(f"tool_{self.times}", "", b"{}")


def test_the_same_bytes_are_read_once() -> None:
    memory, read = ToolMemory(), Reader()
    first = memory.tools(b"[1]", read)
    assert first == (Tool("tool_1", "", b"{}"),)
    assert memory.tools(b"[1]", read) is first
    assert memory.tools(b"[2]", read) != first
    assert read.times == 2


def test_no_wire_reads_what_another_has_read() -> None:
    read = Reader()
    ToolMemory().tools(b"[1]", read)
    ToolMemory().tools(b"[1]", read)
    assert read.times == 2


def test_what_is_malformed_is_told_each_time() -> None:
    def read() -> list[Tool]:
        raise Malformed("tools", "an array of tools")

    memory = ToolMemory()
    for _ in range(2):
        with pytest.raises(Malformed):
            memory.tools(b"{}", read)


def test_what_is_too_much_is_forgotten() -> None:
    memory, read = ToolMemory(), Reader()
    large = b"[" + b" " * (1 << 20) + b"]"
    memory.tools(large, read)
    memory.tools(large[:-1] + b" ]", read)
    memory.tools(large, read)
    assert read.times == 3
