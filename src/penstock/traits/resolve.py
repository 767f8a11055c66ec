"""Which row a model belongs to. The first that covers the name decides; nobody's model takes everything.

Rows of one provider come before those of makers, so that a host may differ from the maker. The fallbacks come last:
at a provider that serves one family, a name that no row covers is most likely that family's newest.
"""

from __future__ import annotations

import functools
import re
from typing import Final

from penstock.core.traits import ANY_MODEL, Traits
from penstock.traits.families import (
    amazon,
    anthropic,
    bedrock,
    cohere,
    deepseek,
    google,
    meta,
    mistral,
    moonshot,
    openai,
    others,
    qwen,
    xai,
    zhipu,
)
from penstock.traits.row import Row, canonical

_LONGEST: Final = 2048
"""No host's name for a model is longer: Bedrock's ARNs end here."""

ROWS: Final[tuple[Row, ...]] = (
    *bedrock.ROWS,
    *anthropic.ROWS,
    *openai.ROWS,
    *google.ROWS,
    *amazon.ROWS,
    *mistral.ROWS,
    *cohere.ROWS,
    *meta.ROWS,
    *deepseek.ROWS,
    *qwen.ROWS,
    *moonshot.ROWS,
    *xai.ROWS,
    *zhipu.ROWS,
    *others.ROWS,
    *anthropic.FALLBACKS,
    *google.FALLBACKS,
    *deepseek.FALLBACKS,
)
"""All rows in the order of their say."""

_BEGINNINGS: Final = tuple((row, row.beginning()) for row in ROWS)


def resolve(model: str, provider: str = "") -> Traits:
    """What ``model`` accepts when ``provider``, a slug, serves it."""
    return _traits_of(model, provider) if len(model) <= _LONGEST else ANY_MODEL


def row_of(model: str, provider: str = "") -> Row | None:
    """The row that decides, or None for a model that nobody knows."""
    return _row_of(model, provider) if len(model) <= _LONGEST else None


@functools.lru_cache(1024)
def _traits_of(model: str, provider: str) -> Traits:
    row = _row_of(model, provider)
    return row.at(provider) if row else ANY_MODEL


@functools.lru_cache(1024)
def _row_of(model: str, provider: str) -> Row | None:
    name = canonical(model)
    for at, (row, beginning) in enumerate(_BEGINNINGS):
        if row.provider in ("", provider) and name.startswith(beginning) and _pattern(at).match(name):
            return row
    return None


@functools.cache
def _pattern(at: int) -> re.Pattern[str]:
    """Compiled with the first name that begins like it: all of them are a fifth of a gateway's imports."""
    return ROWS[at].compiled()
