"""Checks of other packages: a small package stands in a temporary folder, as an installer would leave it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from paths import ROOT
from penstock.guards.packages import UnusablePackage, checks_of_packages

DOCUMENT = ROOT / "docs" / "guardrails.md"
ASK = """
import json, sys
from penstock.guards.base import Phase
from penstock.guards.registry import all_checks, check_of
from judging import guards_of, judged
judgement = judged("acme.startsWith", {"prefix": "Dear"}, "Dear all")
plan, problems = guards_of({"input_guardrails": [{"acme.startsWith": {}}]})
print(json.dumps([check_of("ACME.startswith").id, judgement.verdict, problems]))
"""


def example() -> str:
    """The module of the documented example, as it stands there."""
    _, _, text = DOCUMENT.read_text(encoding="utf-8").partition("## A check of your own")
    code = text.partition("```python\n")[2].partition("```")[0]
    return code.replace("default.startsWith", "acme.startsWith")


def install(folder: Path, code: str, value: str = "acme_checks:CHECKS") -> None:
    (folder / "acme_checks.py").write_text(code, encoding="utf-8")
    information = folder / "acme_checks-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-checks\nVersion: 1.0\n", encoding="utf-8")
    (information / "entry_points.txt").write_text(f"[penstock.checks]\nacme = {value}\n", encoding="utf-8")


def test_the_documented_example_works_as_a_package(tmp_path: Path) -> None:
    install(tmp_path, example())
    paths = [tmp_path, ROOT / "src", ROOT / "tests" / "support" / "rooms"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, timeout=120, check=True)
    assert json.loads(done.stdout) == ["acme.startsWith", True, ["config.input_guardrails[0].acme.startsWith.prefix"]]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("raise ValueError('no')", "can't be loaded: ValueError: no"),
        ("CHECKS = [1]", "no tuple of penstock.guards.base.Check"),
        ("from penstock.guards.base import Check\nCHECKS = (Check('alone', print),)", "NAMESPACE.NAME"),
        ("from penstock.guards.base import Check\nCHECKS = (Check('default.mine', print),)", "NAMESPACE.NAME"),
        ("from penstock.guards.base import Check\nCHECKS = (Check('lakera.guard', print),)", "already"),
        ("from penstock.guards.base import Check\nCHECKS = (Check('a.b', print), Check('A.b', print))", "already"),
    ],
)
def test_a_package_that_can_not_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, why: str) -> None:
    install(tmp_path, code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "acme_checks", raising=False)
    with pytest.raises(UnusablePackage, match=r"acme = acme_checks:CHECKS") as raised:
        checks_of_packages({"lakera.guard"})
    assert why in str(raised.value)
    monkeypatch.delitem(sys.modules, "acme_checks", raising=False)


def test_without_packages_there_are_none() -> None:
    assert checks_of_packages(()) == ()
