"""What is installed, read of folders as an installer leaves them."""

import importlib.metadata
import zipfile
from pathlib import Path

import pytest

from penstock.installed import has_entry_points, version_of


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("sys.path", ["/nonexistent", str(tmp_path)])
    information = tmp_path / "Acme_Checks-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-checks\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[acme.plugins]\none = acme:ONE\n")
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["acme-checks", "Acme.Checks", "acme_checks"])
def test_a_version(name: str) -> None:
    assert version_of(name) == "1.0"


@pytest.mark.usefixtures("folder")
def test_what_is_not_installed() -> None:
    assert version_of("acme") is None


@pytest.mark.parametrize("name", ["msgspec", "genai-prices", "sqlalchemy"])
def test_it_is_what_the_library_says(name: str) -> None:
    assert version_of(name) == importlib.metadata.version(name)


@pytest.mark.usefixtures("folder")
def test_entry_points() -> None:
    assert has_entry_points("acme.plugins")
    assert not has_entry_points("acme")


def test_entry_points_in_an_archive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = folder / "more.whl"
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("more-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: more\nVersion: 1.0\n")
        written.writestr("more-1.0.dist-info/entry_points.txt", "[more.plugins]\none = more:ONE\n")
    monkeypatch.setattr("sys.path", [str(archive)])
    assert has_entry_points("more.plugins")
    assert version_of("more") == "1.0"
