"""The folder in which the workers of one gateway count, for as long as their supervisor runs."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LOG: Final = logging.getLogger("penstock")
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 (a folder with a random name is made in it)
"""Files there are memory: counting causes no writes to a disk."""
BEGAN: Final = "began"
"""A file in the folder whose time is the moment from which the workers count."""


@contextlib.contextmanager
def worker_folder(memory: Path = _MEMORY, temporary: Path | None = None) -> Iterator[Path | None]:
    """A new folder that only this user can read, removed at the end; None if there is no place for one.

    It is made in ``memory``, else in ``temporary``, which is the system's folder of temporary files if it is None.
    """
    import shutil  # one process needs no folder
    import tempfile

    made: str | None = None
    for parent in (memory, temporary):
        try:
            made = tempfile.mkdtemp(prefix="penstock-metrics-", dir=parent)
            break
        except OSError as error:
            reason = error
    else:
        _LOG.warning("metrics: there is no place for a folder (%s): each worker counts by itself", reason)
    try:
        if made is not None:
            (Path(made) / BEGAN).touch()
        yield None if made is None else Path(made)
    finally:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)
