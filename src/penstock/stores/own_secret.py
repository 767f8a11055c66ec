"""A secret of the gateway's own: made at the first start, kept in the data folder, the same for each of its workers."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

_BYTES: Final = 32
_FILE_MODE: Final = 0o600


def own_secret(path: Path) -> bytes:
    """The secret in a file, which is made where it is missing: by one of several processes that start at once. Raises
    OSError, also for a file that is no secret of this kind."""
    with contextlib.suppress(FileNotFoundError):
        return _read(path)
    new = path.with_name(f"{path.name}.{os.urandom(8).hex()}")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, _FILE_MODE)
    try:
        with os.fdopen(file, "wb") as opened:
            opened.write(os.urandom(_BYTES))
            opened.flush()
            os.fsync(file)  # ids that it has bound outlive a loss of power
        with contextlib.suppress(FileExistsError):
            os.link(new, path)
    finally:
        new.unlink()
    return _read(path)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        secret = file.read(_BYTES + 1)
    if len(secret) != _BYTES:
        raise OSError(f"{path} holds no secret of {_BYTES} bytes: delete it, and another one is made")
    return secret
