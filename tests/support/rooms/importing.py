"""Cases of importers: configurations as users of other gateways write them, and what must become of them.

``python tests/support/rooms/importing.py`` writes the outcomes of all cases anew, to be read before they are committed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from penstock.cli.import_ import hosts
from penstock.importers import bifrost, litellm, portkey
from penstock.importers.imported import Conversion
from penstock.importers.toml import settings_text

CASES = Path(__file__).parents[2] / "importers"
LITELLM = sorted(CASES.glob("litellm/*.yaml"))
BIFROST = sorted(CASES.glob("bifrost/*.json"))
ENVIRONMENT = {"LITELLM_MASTER_KEY": "sk-master-from-environment", "VK_FROM_ENVIRONMENT": "sk-bf-from-environment"}
HOSTS = hosts()


def digest_of(variable: str) -> str | None:
    value = ENVIRONMENT.get(variable)
    return None if value is None else hashlib.sha256(value.encode()).hexdigest()


def from_litellm(values: Any) -> Conversion:
    return litellm.convert(values, HOSTS, digest_of)


def from_bifrost(values: Any) -> Conversion:
    return bifrost.convert(values, HOSTS, digest_of)


def from_portkey(documents: Mapping[str, Any]) -> Conversion:
    return portkey.convert(documents, HOSTS)


def document(path: Path) -> Any:
    """The JSON values of a case's file."""
    if path.suffix == ".yaml":
        return msgspec.json.decode(msgspec.json.encode(yaml.safe_load(path.read_text())))
    return msgspec.json.decode(path.read_bytes())


def converted(path: Path) -> Conversion:
    """What becomes of a case."""
    if path.is_dir():
        return from_portkey({each.stem: document(each) for each in sorted(path.glob("*.json"))})
    return from_litellm(document(path)) if path.suffix == ".yaml" else from_bifrost(document(path))


def outcome(path: Path) -> str:
    """What becomes of a case, as text: bodies of the admin API, the report, the penstock.toml, the report of that."""
    conversion = converted(path)
    bodies = msgspec.json.format(msgspec.json.encode(conversion.imported.values())).decode()
    report, before = str(conversion.report), len(conversion.report.lines)
    toml = settings_text(conversion, path.name)
    added = "\n".join(map(str, conversion.report.lines[before:]))
    return "\n".join([report, "", bodies, "", toml, added, ""])


def golden(path: Path) -> Path:
    """The file with the outcome that a case must have."""
    return path.parent / f"{path.stem}.golden"


if __name__ == "__main__":
    for case in (*LITELLM, *BIFROST, CASES / "portkey"):
        golden(case).write_text(outcome(case))
