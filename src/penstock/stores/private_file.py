"""Files of what callers did, which only the gateway's own user may read."""

from __future__ import annotations

import fcntl
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


def begun_locked(path: Path) -> BinaryIO:
    """As ``begun``, locked for this process before it stands at its place: whoever finds the file there unlocked takes
    it for that of a dead process, and unlinks it."""
    hidden = path.with_name(f".{path.name}")
    file = begun(hidden)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        hidden.replace(path)
    except OSError:
        file.close()
        raise
    return file
