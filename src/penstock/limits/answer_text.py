"""How much text an answer held of which the provider told no usage: it broke off, or its caller left.

The answer's bytes are kept as they pass and looked into only if they are needed; of a long answer the earlier part is
counted and dropped. Texts are found by the names of their members in the wires of OpenAI and of Anthropic.
"""

from __future__ import annotations

import re
from typing import Final

_TEXT: Final = re.compile(
    rb'"(?:content|text|reasoning_content|reasoning|thinking|refusal|arguments|partial_json)"\s*:\s*'
    rb'"((?>[^"\\]++|\\.)*+)',
    re.DOTALL,
)
_KEPT: Final = 64 << 10
"""Bytes of an answer that wait to be looked into."""


class AnswerText:
    """The UTF-8 bytes of the texts among an answer's bytes: an escape counts as it is written."""

    __slots__ = ("_counted", "_parts", "_waiting")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._waiting = 0
        self._counted = 0

    def add(self, data: bytes) -> None:
        self._parts.append(data)
        self._waiting += len(data)
        if self._waiting > _KEPT:
            self._count()

    @property
    def size(self) -> int:
        """The bytes of text so far."""
        self._count()
        return self._counted

    def _count(self) -> None:
        # A text may lie in two parts: joined, all but the one at the seam of two counts is found.
        data = b"".join(self._parts)
        self._counted += sum([len(text) for text in _TEXT.findall(data)])
        self._parts.clear()
        self._waiting = 0
