"""The shape of one row: which names it covers, what such a model accepts, and where its maker says so.

Hosts spell one model in many ways. ``canonical`` takes away what they put around a name and makes all separators
one, for names and patterns alike, so that a row is written once, as its maker writes it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from penstock.core.traits import Traits

EFFORTS: Final = ("minimal", "low", "medium", "high", "xhigh", "max")
"""OpenAI's words for how much to think, upwards; ``none`` stands apart, for it says not to."""

_REGION: Final = re.compile(r"(?:us-gov|us|eu|apac|au|ca|jp|global)\.")
_MAKER: Final = re.compile(
    r"(?:ai21|amazon|anthropic|cohere|google|meta|minimax|mistral|mistralai|moonshot|moonshotai|nvidia|openai|qwen|writer|xai|zai)\."
    r"|(?:amazon|anthropic|cohere|databricks|google|meta|moonshotai|openai|xai|zai)-"
)
_SEPARATORS: Final = re.compile(r"[\s._:@]+")
_SPELLED_POINT: Final = re.compile(r"(?<=\d)p(?=\d)")
"""Fireworks writes v3.1 as v3p1."""
_FIRST_NUMBER: Final = re.compile(r"\A([a-z]+)-?v?(?=\d)")
"""llama3, llama-3 and llama-v3 are one."""
_CLAUDE_BY_VERSION: Final = re.compile(r"\Aclaude-(\d(?:-\d)?)-(opus|sonnet|haiku|fable|mythos)\b")
"""Claude's versions moved behind the name with 4; some hosts still put all of them in front."""


class Row(msgspec.Struct, frozen=True):
    """One family of models.

    ``pattern`` is the beginning of a name, in which ``*`` stands for anything and ``#`` for one digit; a number at
    its end must end there. With a ``provider``, the row is about models as that provider serves them. ``link`` is the
    documentation that says so, ``reason`` what a reader would otherwise wonder about. ``refuses_at`` are the
    parameters that such a model refuses at one provider only, by the provider; ``response_format`` stands for all
    schemas that are to be kept to.
    """

    pattern: str
    traits: Traits
    link: str
    reason: str = ""
    provider: str = ""
    refuses_at: Mapping[str, frozenset[str]] = {}

    def at(self, provider: str) -> Traits:
        """The traits of such a model where that provider serves it."""
        more = self.refuses_at.get(provider)
        if not more:
            return self.traits
        schemas = self.traits.json_schema and "response_format" not in more
        return replace(self.traits, refuses=self.traits.refuses | more, json_schema=schemas)

    def beginning(self) -> str:
        """What every canonical name begins with that the row covers."""
        return re.split(r"[*#]", canonical(self.pattern), maxsplit=1)[0]

    def compiled(self) -> re.Pattern[str]:
        """What matches the canonical names that the row covers."""
        pattern = re.escape(canonical(self.pattern)).replace(r"\*", ".*").replace(r"\#", r"\d")
        return re.compile(pattern + r"(?!\d)" if self.pattern[-1] in "0123456789#" else pattern)


def canonical(model: str) -> str:
    """A model's name without region, path and maker, in lower case, with ``-`` as its only separator."""
    name = model.lower().removeprefix("ft:").rpartition("/")[2]
    for around in (_REGION, _MAKER):
        name = name[found.end() :] if (found := around.match(name)) else name
    name = _SPELLED_POINT.sub("-", _SEPARATORS.sub("-", name))
    return _CLAUDE_BY_VERSION.sub(r"claude-\2-\1", _FIRST_NUMBER.sub(r"\1-", name))


def words(*known: str) -> dict[str, str]:
    """The words of a family by OpenAI's. What it lacks becomes its next higher word, at the top its highest."""
    highest = max(known, key=lambda word: EFFORTS.index(word) if word in EFFORTS else -1)
    climbed = {
        effort: next((higher for higher in EFFORTS[step:] if higher in known), highest)
        for step, effort in enumerate(EFFORTS)
    }
    return {"none": "none", **climbed} if "none" in known else climbed
