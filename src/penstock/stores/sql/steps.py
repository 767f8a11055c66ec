"""The steps by which tables come to the form that this release knows: files in ``migrations/versions``.

Nothing here needs SQLAlchemy: an up-to-date database is recognised without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

STEPS: Final = Path(__file__).parent / "migrations"


def latest() -> str:
    """The newest step that this release knows: the beginning of its file's name."""
    return max(path.name.partition("_")[0] for path in (STEPS / "versions").glob("[0-9]*.py"))
