"""Gateway keys for a penstock.toml that a test writes."""

from __future__ import annotations

import hashlib


def key(name: str) -> str:
    """The key of this name, as its caller shows it."""
    return f"pk-{name}-0123456789abcdef"


def entry(name: str, lines: str = "") -> str:
    """The section that lets the key in, with further lines."""
    return f'[keys.{name}]\nhash = "sha256:{hashlib.sha256(key(name).encode()).hexdigest()}"\n{lines}\n'
