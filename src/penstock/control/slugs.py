"""Slugs: short names that are made of a longer one, and ids that a person can read."""

from __future__ import annotations

import re
from typing import Final

_SHOWN: Final = 6


def slug_of(prefix: str, name: str, rest: str) -> str:
    """``pc-my-con-3f09ab`` of the prefix ``pc``, the name ``My config`` and the hexadecimal digits ``3f09ab``."""
    short = re.sub(r"[^a-z0-9]", "-", name.lower()[:_SHOWN])
    return f"{prefix}-{short}-{rest}"
