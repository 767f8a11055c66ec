"""The software bill of materials: ``make sbom`` writes dist/sbom.cdx.json (CycloneDX 1.6, cyclonedx.org).

It names every dependency that the lock files of this folder name, with the hashes that pip checks: dependencies of the
core are required, those of the extras are optional, those that only builds and tests need are excluded. The same lock
files give the same bytes.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

import penstock

HERE: Final = Path(__file__).parent
OUT: Final = HERE.parent / "dist" / "sbom.cdx.json"
_SCOPES: Final = {
    "core": ComponentScope.REQUIRED,
    "aws": ComponentScope.OPTIONAL,
    "google": ComponentScope.OPTIONAL,
    "postgres": ComponentScope.OPTIONAL,
    "redis": ComponentScope.OPTIONAL,
    "build": ComponentScope.EXCLUDED,
    "dev": ComponentScope.EXCLUDED,
}
"""The lock files, the closest to the core first."""
_PINNED: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?: ; ([^\\]+))?", re.MULTILINE)
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_VIA: Final = re.compile(r"^ +#(?: via)? +([A-Za-z0-9._-]+)$", re.MULTILINE)
_DIRECT: Final = re.compile(r"^ +#(?: via)? +(?:penstock \(pyproject\.toml\)|-r \S+)$", re.MULTILINE)


@dataclass
class Locked:
    """One dependency: what the lock files say of it, put together."""

    name: str
    version: str
    marker: str
    hashes: set[str] = field(default_factory=set)
    files: list[str] = field(default_factory=list)
    needed_by: set[str] = field(default_factory=set)
    is_direct: bool = False
    """Whether the project itself asks for it: in pyproject.toml, or in a list of what builds and tests need."""

    @property
    def scope(self) -> ComponentScope:
        return _SCOPES[self.files[0]]


def locked() -> dict[str, Locked]:
    """All dependencies by name. Raises ValueError when two lock files name different versions of one."""
    found: dict[str, Locked] = {}
    for file in _SCOPES:
        for each in _read((HERE / f"{file}.txt").read_text("utf-8")):
            known = found.setdefault(each.name, each)
            if known.version != each.version:
                raise ValueError(f"{each.name} is locked as {known.version} and as {each.version}")
            known.files.append(file)
            known.hashes |= each.hashes
            known.needed_by |= each.needed_by
            known.is_direct = known.is_direct or each.is_direct
    return found


def _read(text: str) -> Iterator[Locked]:
    """The entries of one lock file."""
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        pinned = _PINNED.match(block)
        if pinned is not None:
            name, version, marker = pinned.groups()
            is_direct = _DIRECT.search(block) is not None
            hashes, needed_by = {*_HASH.findall(block)}, {*_VIA.findall(block)}
            yield Locked(name, version, (marker or "").strip(), hashes, [], needed_by, is_direct)


def bill() -> Bom:
    """The bill of materials of this checkout."""
    entries = locked()
    root = Component(
        name="penstock",
        version=penstock.__version__,
        type=ComponentType.APPLICATION,
        bom_ref="penstock",
        licenses=[DisjunctiveLicense(id="MIT")],
    )
    components = {name: _component(entry) for name, entry in entries.items()}
    bom = Bom(components=components.values())
    bom.metadata.component = root
    # The present moment would make each bill another one (reproducible-builds.org, SOURCE_DATE_EPOCH).
    bom.metadata.timestamp = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    bom.serial_number = uuid5(NAMESPACE_URL, " ".join(f"{each.name}=={each.version}" for each in entries.values()))
    bom.register_dependency(root, [components[name] for name, each in entries.items() if each.is_direct])
    for name, component in components.items():
        bom.register_dependency(
            component, [components[other] for other, each in entries.items() if name in each.needed_by]
        )
    return bom


def _component(entry: Locked) -> Component:
    purl = PackageURL("pypi", name=entry.name, version=entry.version)
    properties = [Property(name="penstock:locked-in", value=f"requirements/{file}.txt") for file in entry.files]
    if entry.marker:
        properties.append(Property(name="penstock:marker", value=entry.marker))
    return Component(
        name=entry.name,
        version=entry.version,
        type=ComponentType.LIBRARY,
        scope=entry.scope,
        bom_ref=str(purl),
        purl=purl,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in sorted(entry.hashes)],
        properties=properties,
    )


def main() -> None:
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(JsonV1Dot6(bill()).output_as_string(indent=2) + "\n", "utf-8")
    sys.stdout.write(f"written: {OUT.relative_to(HERE.parent)}\n")


if __name__ == "__main__":
    main()
