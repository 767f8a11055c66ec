"""Where things are: the project's root, and the folder beside it that a clone does not have."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
