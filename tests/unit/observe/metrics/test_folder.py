"""The folder of the workers' counts: private, gone at the end."""

from pathlib import Path

import pytest

from penstock.observe.metrics.folder import worker_folder


def test_a_private_folder_that_is_removed(tmp_path: Path) -> None:
    with worker_folder(tmp_path) as folder:
        assert folder is not None
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o77 == 0
        (folder / "worker-0").write_bytes(b"1")
    assert list(tmp_path.iterdir()) == []


def test_without_memory_it_is_among_the_temporary_files(tmp_path: Path) -> None:
    with worker_folder(tmp_path / "none", tmp_path) as folder:
        assert folder is not None
        assert folder.parent == tmp_path


def test_without_any_place_each_worker_counts_by_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with worker_folder(tmp_path / "none", tmp_path / "gone") as folder:
        assert folder is None
    assert "each worker counts by itself" in caplog.text
