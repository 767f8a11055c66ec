"""An answer by header name, worked out once: the names of real traffic are few, and each request has twenty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_SIZE: Final = 1024


class NameMemo(dict[bytes, bool]):
    """``memo[name]`` is ``decide(name)``, remembered up to a bound that made-up names can't push."""

    def __init__(self, decide: Callable[[bytes], bool]) -> None:
        super().__init__()
        self._decide = decide

    def __missing__(self, name: bytes) -> bool:
        verdict = self._decide(name)
        if len(self) < _SIZE:
            self[name] = verdict
        return verdict
