"""What the project as a whole promises: the change log is current, nothing names the workshop."""

import re
import subprocess
from pathlib import Path

import pytest

import penstock

ROOT = Path(__file__).parents[2]


def tracked_files() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_the_change_log_begins_with_this_version() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings
    assert headings[0].split(" ")[0] in {"Unreleased", penstock.__version__}
    assert any(heading.startswith(penstock.__version__) for heading in headings)


def test_nothing_names_a_registry_a_machine_or_a_workplace() -> None:
    banned = re.compile(
        "|".join(
            [
                "pypi" + r"\.org",
                "files" + r"\.pythonhosted",
                "registry" + r"\.npmjs",
                "/wo" + "rk/",
                "/ro" + "ot/",
                "/home/[a-z]",
            ]
        )
    )
    for path in tracked_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        assert banned.findall(text) == [], path.relative_to(ROOT)


def test_locked_requirements_are_hashed() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        blocks = re.split(r"\n(?=\S)", path.read_text())
        for block in blocks:
            if block.strip() and not block.startswith("#"):
                assert "--hash=sha256:" in block, f"{path.name}: {block[:60]}"
