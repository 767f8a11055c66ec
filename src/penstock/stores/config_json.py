"""A config's values, as YAML or TOML gave them, as JSON: within the bounds of a config, and only what JSON can say."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

from penstock.routing.budget import OverBudget, check_size

_NO_JSON: Final = (
    "it holds what JSON can't: a key that is no text, a value within itself, half of a surrogate pair, or a number of "
    "too many digits"
)

_NO_NUMBER: Final = "it holds a number that JSON can't write: infinity, one beyond 1.8e308, or NaN"


class NotAConfig(Exception):
    """The values are no config. The message is the reason."""


def as_json(values: Any) -> bytes:
    """The values of a config as JSON. Raises NotAConfig."""
    try:
        check_size(values)
        text = msgspec.json.encode(values)
    except OverBudget as over:
        raise NotAConfig(_NO_JSON if _is_within_itself(values) else f"{over}: make it smaller") from None
    except (TypeError, ValueError, RecursionError):
        raise NotAConfig(_NO_JSON) from None
    # msgspec writes null for such a number: the provider would get another value than the one that was set.
    if b"null" in text and not _are_numbers_finite(values):
        raise NotAConfig(_NO_NUMBER)
    return text


def _are_numbers_finite(values: Any) -> bool:
    left = [values]
    while left:
        each = left.pop()
        if isinstance(each, float) and not math.isfinite(each):
            return False
        if isinstance(each, dict | list | tuple):
            left.extend(each.values() if isinstance(each, dict) else each)
    return True


def _is_within_itself(value: Any) -> bool:
    """Whether a value holds itself (an alias in YAML). Each value is looked at once."""
    done: set[int] = set()
    above: set[int] = set()
    left: list[tuple[Any, bool]] = [(value, False)]
    while left:
        each, is_done = left.pop()
        if is_done:
            above.discard(id(each))
            done.add(id(each))
        elif id(each) in above:
            return True
        elif isinstance(each, dict | list) and id(each) not in done:
            above.add(id(each))
            left.append((each, True))
            left.extend((inner, False) for inner in (each.values() if isinstance(each, dict) else each))
    return False
