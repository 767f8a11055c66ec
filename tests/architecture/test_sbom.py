"""The bill of materials names every dependency that a lock file names, with its hashes, and is the same each time."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cyclonedx.output.json import JsonV1Dot6

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


@pytest.fixture(scope="module")
def sbom() -> ModuleType:
    spec = importlib.util.spec_from_file_location("penstock_sbom", ROOT / "requirements" / "sbom.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bill(sbom: ModuleType) -> Any:
    return json.loads(JsonV1Dot6(sbom.bill()).output_as_string())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_dependency_is_named_with_its_hashes(lock: Path, bill: Any) -> None:
    components = {each["name"]: each for each in bill["components"]}
    blocks = re.findall(r"^(\S+)==(\S+)((?:.*\n)(?: .*\n?)*)", lock.read_text(), re.MULTILINE)
    assert blocks
    for name, version, rest in blocks:
        component = components[name]
        assert (component["version"], component["purl"]) == (version, f"pkg:pypi/{name}@{version}")
        named = {each["content"] for each in component["hashes"]}
        assert {*re.findall(r"sha256:([0-9a-f]{64})", rest)} <= named
        assert f"requirements/{lock.name}" in {each["value"] for each in component["properties"]}


def test_every_lock_file_is_read(sbom: ModuleType) -> None:
    assert {path.stem for path in LOCKS} == sbom._SCOPES.keys()


def test_what_runs_and_what_only_tests_are_told_apart(bill: Any) -> None:
    scopes = {each["name"]: each["scope"] for each in bill["components"]}
    assert (scopes["msgspec"], scopes["botocore"], scopes["pytest"]) == ("required", "optional", "excluded")


def test_dependencies_are_told(bill: Any) -> None:
    needs = {each["ref"].partition("@")[0]: each.get("dependsOn", []) for each in bill["dependencies"]}
    assert any(ref.startswith("pkg:pypi/starlette@") for ref in needs["penstock"])
    assert any(ref.startswith("pkg:pypi/pytest@") for ref in needs["penstock"])
    assert {ref.partition("@")[0] for ref in needs["pkg:pypi/uvicorn"]} == {"pkg:pypi/click", "pkg:pypi/h11"}


def test_the_same_locks_give_the_same_bytes(sbom: ModuleType) -> None:
    first, again = [JsonV1Dot6(sbom.bill()).output_as_string(indent=2) for _ in range(2)]
    assert first == again


def test_packages_are_installed_from_wheels_alone() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^PIP = .* install .*--only-binary :all:", makefile, re.MULTILINE)
    installs = [line for line in makefile.splitlines() if "pip install" in line and not line.startswith("PIP =")]
    assert installs == []
