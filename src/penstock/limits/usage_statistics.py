"""What requests took before: bytes of a prompt's token by model, and how long answers become by key and model.

Both are bounded in memory: what was not used for longest is forgotten. Newer requests weigh more than older ones.
"""

from __future__ import annotations

from typing import Final

from penstock.core.lru import Lru
from penstock.limits.estimate import FIRST_BYTES_PER_TOKEN, TypicalUsage

_MODELS: Final = 2000
_PAIRS: Final = 20_000
_MEMORY: Final = 1000
"""Answers after which the weight of the earlier ones is halved."""
_MANY: Final = 200
"""Answers of one key and model after which one of ``_SAMPLE`` is counted."""
_SAMPLE: Final = 8
_MOST_BYTES: Final = 8
"""Bytes of a token on average, at most: what says more was not measured as text."""
_FIRST_WEIGHT: Final = 1000
"""Tokens that the first guess of bytes per token weighs as much as."""
_PARTS: Final = 4
"""Bins of an octave: 256, 320, 384, 448, 512 tokens."""


class _Lengths:
    """How often answers had which length, in bins that grow with the length: a bin's edge is at most a quarter above
    the lengths in it."""

    __slots__ = ("_bins", "_high", "_is_stale", "answers", "total")

    def __init__(self) -> None:
        self._bins: dict[int, int] = {}
        self.total = 0
        self._high = 0
        self._is_stale = False
        self.answers = 0
        """Answers that came, whether or not they are counted."""

    def add(self, tokens: int) -> None:
        if self.total >= _MEMORY:
            self._bins = {bin_: count // 2 for bin_, count in self._bins.items() if count > 1}
            self.total = sum(self._bins.values())
        edge = _edge(tokens)
        self._bins[edge] = self._bins.get(edge, 0) + 1
        self.total += 1
        self._is_stale = True

    def high(self) -> int:
        """The length that 99 of 100 answers did not exceed, rounded up to the edge of its bin."""
        if self._is_stale:
            self._high, self._is_stale = self._found(), False
        return self._high

    def _found(self) -> int:
        beyond = self.total // 100
        for edge in sorted(self._bins, reverse=True):
            beyond -= self._bins[edge]
            if beyond < 0:
                return edge
        return 0


class UsageStatistics:
    """TypicalUsage by key and model. ``learn`` takes what a finished request took."""

    def __init__(self) -> None:
        self._prompts: Lru[str, tuple[float, float]] = Lru(_MODELS)
        self._answers: Lru[tuple[str, str], _Lengths] = Lru(_PAIRS)

    def typical(self, key: str, model: str) -> TypicalUsage:
        prompts = self._prompts.get(model)
        answers = self._answers.get((key, model))
        ratio = FIRST_BYTES_PER_TOKEN if prompts is None else prompts[0] / prompts[1]
        return TypicalUsage(ratio, None if answers is None else answers.high())

    def is_due(self, key: str, model: str) -> bool:
        """Whether the next request is worth learning: each one at first, one of ``_SAMPLE`` once many are known."""
        lengths = self._answers.get((key, model))
        if lengths is None:
            return True
        lengths.answers += 1
        return lengths.answers < _MANY or lengths.answers % _SAMPLE == 0

    def rest(self, key: str, model: str) -> int:
        """How many requests after this one needn't be learnt (``is_due``)."""
        lengths = self._answers.get((key, model))
        return 0 if lengths is None or lengths.total < _MANY else _SAMPLE - 1

    def learn(self, key: str, model: str, text_bytes: int, input_tokens: int, output_tokens: int) -> None:
        """Count one request. ``text_bytes`` are those of ``RequestSize``. A prompt with media or without tokens says
        nothing of text: pass 0 for its bytes. ``output_tokens`` are those of one answer."""
        lengths = self._answers.get((key, model))
        if lengths is None:
            lengths = _Lengths()
            self._answers.put((key, model), lengths)
        if text_bytes > 0 and input_tokens > 0:
            text_bytes = min(max(text_bytes, input_tokens), _MOST_BYTES * input_tokens)
            seen_bytes, tokens = self._prompts.get(model) or (FIRST_BYTES_PER_TOKEN * _FIRST_WEIGHT, _FIRST_WEIGHT)
            # A large prompt counts as a thousandth of all that is remembered, at most: one can't turn the average.
            weight = min(1.0, _FIRST_WEIGHT / input_tokens)
            fade = 1 - 1 / _MEMORY
            self._prompts.put(model, (seen_bytes * fade + text_bytes * weight, tokens * fade + input_tokens * weight))
        lengths.add(max(0, output_tokens))


def _edge(tokens: int) -> int:
    """The upper edge of the bin that a length falls into."""
    if tokens <= 2 * _PARTS:
        return tokens
    step = 1 << max(0, (tokens - 1).bit_length() - _PARTS.bit_length())
    return -(-tokens // step) * step
