"""Files of what callers did, which only the gateway's own user may read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


def begun(path: Path) -> BinaryIO:
    """A new, empty file to be read and written without a buffer, in the place of any that stands there. Raises OSError,
    also where a symbolic link does."""
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.open(path, flags, 0o600)
    os.fchmod(file, 0o600)
    return os.fdopen(file, "r+b", buffering=0)
