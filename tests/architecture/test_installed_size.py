"""How much the core takes on a disk, with every library that it needs: docs/install.md states it."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[2]
BOUND: Final = 100
"""Megabytes without compiled bytecode. It was 95 in November 2026."""


def needed(name: str) -> dict[str, importlib.metadata.Distribution]:
    """A distribution and what it needs here, by name."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = [Requirement(name)]
    while waiting:
        requirement = waiting.pop()
        canonical = canonicalize_name(requirement.name)
        if canonical in found:
            continue
        distribution = found[canonical] = importlib.metadata.distribution(canonical)
        wanted = map(Requirement, distribution.requires or ())
        extras = [{"extra": extra} for extra in ("", *requirement.extras)]
        waiting += [each for each in wanted if not each.marker or any(map(each.marker.evaluate, extras))]
    return found


def size(distribution: importlib.metadata.Distribution) -> int:
    """Bytes of the files that were installed, without bytecode, which each installation compiles for itself."""
    files = [Path(str(file.locate())) for file in distribution.files or () if file.suffix != ".pyc"]
    return sum(file.stat().st_size for file in files if file.is_file())


def test_the_core_stays_small() -> None:
    try:
        distributions = needed("penstock")
    except importlib.metadata.PackageNotFoundError as error:
        pytest.skip(f"it can't be measured here: {error} is not installed")
    own = sum(file.stat().st_size for file in (ROOT / "src").rglob("*") if file.is_file() and file.suffix != ".pyc")
    sizes = {name: size(each) for name, each in distributions.items() if name != "penstock"}
    total = own + sum(sizes.values())
    assert total <= BOUND * 1_000_000, sorted(sizes.items(), key=lambda each: -each[1])
    stated = re.search(r"takes (\d+) MB", (ROOT / "docs" / "install.md").read_text("utf-8"))
    assert stated is not None
    assert abs(int(stated[1]) - total / 1_000_000) < 10
