"""Tools that were read before, by their bytes: agents send the same tools with every request."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from penstock.core.chat import NativeTool, Tool
from penstock.core.lru import Lru

_SIZE: Final = 8 << 20
"""Bytes of memory for the tools of one wire."""
_WEIGHT: Final = 4
"""Bytes of memory for one byte of JSON that was read, about the maximum."""

Tools = tuple[Tool | NativeTool, ...]


class ToolMemory:
    """The tools of requests in one wire, up to 8 MiB of them; those that were not sent for longest are forgotten."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: Lru[bytes, Tools] = Lru(_SIZE)

    def tools(self, raw: bytes, read: Callable[[], Iterable[Tool | NativeTool]]) -> Tools:
        """The tools of ``raw``, as ``read`` reads them the first time. What ``read`` raises is raised each time."""
        tools = self._known.get(raw)
        if tools is None:
            tools = tuple(read())
            self._known.put(raw, tools, _WEIGHT * len(raw))
        return tools
