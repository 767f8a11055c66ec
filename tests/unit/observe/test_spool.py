"""Entries that outlive the process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.observe import spool as spool_module
from penstock.observe.spool import Segment, Spool


def everything(spool: Spool) -> list[bytes]:
    entries = []
    while (segment := spool.take()) is not None:
        entries += segment.entries()
        spool.drop(segment)
    return entries


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "spool" if request.param == "disk" else None


@given(st.lists(st.binary(max_size=64), max_size=30), st.integers(1, 200))
def test_all_entries_come_out_in_their_order(entries: list[bytes], segment: int) -> None:
    spool = Spool(None, "s", 1 << 20, segment)
    for entry in entries:
        spool.extend([entry])
    assert spool.waiting == len(entries)
    assert everything(spool) == entries
    assert (spool.waiting, spool.lost) == (0, 0)


def test_a_segment_that_is_taken_gets_no_further_entry(folder: Path | None) -> None:
    spool = Spool(folder, "s", 1 << 20)
    spool.extend([b"a"])
    taken = spool.take()
    assert taken is not None
    spool.extend([b"b"])
    assert taken.entries() == [b"a"]
    assert spool.take() is taken
    spool.drop(taken)
    assert everything(spool) == [b"b"]
    assert spool.take() is None
    spool.close()
    assert folder is None or not list(folder.glob("*.spool"))


def test_beyond_its_size_the_oldest_entries_are_lost_and_counted(folder: Path | None) -> None:
    spool = Spool(folder, "s", 400, 100)
    for number in range(20):
        spool.extend([b"%052d" % number])
    kept = everything(spool)
    assert kept == [b"%052d" % number for number in range(20 - len(kept), 20)]
    assert spool.lost == 20 - len(kept) > 0
    spool.close()


def test_what_is_being_read_is_not_dropped(folder: Path | None) -> None:
    spool = Spool(folder, "s", 400, 100)
    for number in range(20):
        spool.extend([b"%052d" % number])
        first = spool.take()
    assert first is not None
    assert first.entries()[0] == b"%052d" % 0
    everything(spool)
    spool.close()


def test_a_killed_process_leaves_its_entries_to_the_next_one(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from penstock.observe.spool import Spool
spool = Spool(Path({str(tmp_path)!r}), "s", 1 << 20, 64)
for number in range(10):
    spool.extend([b"entry %d" % number])
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    spool = Spool(tmp_path, "s", 1 << 20)
    spool.recover()
    assert spool.waiting == 10
    first = spool.take()
    assert first is not None
    assert first.is_recovered
    assert everything(spool) == [b"entry %d" % number for number in range(10)]
    assert list(tmp_path.glob("*.spool")) == []
    spool.close()


def test_the_spool_of_a_process_that_lives_is_its_own(tmp_path: Path) -> None:
    living, other = Spool(tmp_path, "s", 1 << 20), Spool(tmp_path, "s", 1 << 20)
    living.extend([b"a"])
    other.recover()
    assert other.take() is None
    living.recover()
    assert everything(living) == [b"a"]
    living.extend([b"b"])
    living.close()
    other.recover()
    assert everything(other) == [b"b"]


@pytest.mark.parametrize("cut", range(1, 12))
def test_an_entry_that_was_cut_off_is_left_out_and_no_other(tmp_path: Path, cut: int) -> None:
    spool = Spool(tmp_path, "s", 1 << 20)
    for entry in (b"one", b"two", b"three"):
        spool.extend([entry])
    spool.close()
    (file,) = tmp_path.glob("*.spool")
    file.write_bytes(file.read_bytes()[:-cut])
    spool.recover()
    assert everything(spool) == [b"one", b"two"]


def test_a_damaged_entry_ends_its_segment(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "s", 1 << 20)
    spool.extend([b"one"])
    spool.extend([b"two"])
    spool.close()
    (file,) = tmp_path.glob("*.spool")
    file.write_bytes(file.read_bytes().replace(b"two", b"tvo"))
    spool.recover()
    assert everything(spool) == [b"one"]


def test_a_folder_that_cant_be_made_keeps_entries_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    spool = Spool(tmp_path / "file" / "spool", "s", 1 << 20)
    spool.extend([b"a"])
    assert "can't be written" in caplog.text
    assert everything(spool) == [b"a"]
    spool.extend([b"b"])
    spool.close()
    assert spool.lost == 1


def test_a_full_disk_costs_the_entry_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, "s", 1 << 20)
    spool.extend([b"a"])
    half = SimpleNamespace(**{**vars(os), "write": lambda file, data: os.write(file, data[:5])})
    monkeypatch.setattr(spool_module, "os", half)
    spool.extend([b"half"])

    def full(_: int, __: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool_module, "os", SimpleNamespace(**{**vars(os), "write": full}))
    spool.extend([b"nothing"])
    monkeypatch.undo()
    spool.extend([b"b"])
    assert everything(spool) == [b"a", b"b"]
    assert spool.lost == 2
    spool.close()


def test_a_file_that_cant_be_read_raises() -> None:
    file = os.open(os.devnull, os.O_WRONLY)
    try:
        with pytest.raises(OSError, match="Bad file descriptor"):
            Segment(Path(os.devnull), file).entries()
    finally:
        os.close(file)


def test_what_entries_were_made_of_is_kept_beside_them(folder: Path | None) -> None:
    spool = Spool(folder, "s", 1 << 20)
    spool.extend([b"a"], ["A"])
    spool.extend([b"b"], ["B"])
    segment = spool.take()
    assert segment is not None
    assert (segment.items, segment.entries()) == (["A", "B"], [b"a", b"b"])
    spool.drop(segment)
    spool.extend([b"c"], ["C"])
    spool.extend([b"d"])
    segment = spool.take()
    assert segment is not None
    assert (segment.items, segment.entries()) == (None, [b"c", b"d"])
    spool.drop(segment)
    spool.close()


def test_memory_holds_two_segments_while_the_reader_is_behind(folder: Path | None) -> None:
    spool = Spool(folder, "s", 1 << 20, 100)
    for number in range(20):
        spool.extend([b"%052d" % number], [number])
    items = []
    while (segment := spool.take()) is not None:
        items.append(segment.items)
        spool.drop(segment)
    assert items == [[0, 1], *[None] * 9]
    spool.close()


def test_a_disk_that_fills_up_in_the_middle_of_several_entries_keeps_those_that_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path, "s", 1 << 20)
    for room, whole in ((0, 0), (8, 0), (10, 1), (17, 1), (19, 2)):
        short = SimpleNamespace(**{**vars(os), "write": lambda file, data, room=room: os.write(file, data[:room])})
        monkeypatch.setattr(spool_module, "os", short)
        before = spool.lost
        spool.extend([b"a", b"b", b"c"], ["A", "B", "C"])
        monkeypatch.undo()
        assert spool.lost - before == 3 - whole
        segment = spool.take()
        entries, items = (segment.entries(), segment.items) if segment else ([], [])
        assert (entries, items) == ([b"a", b"b", b"c"][:whole], ["A", "B", "C"][:whole])
        if segment is not None:
            spool.drop(segment)
    spool.close()


def test_what_an_entry_tells_of_is_counted(folder: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry may tell of several things: what waits and what is lost are these."""
    spool = Spool(folder, "s", 1 << 20, things_in=lambda entry: entry[0])
    spool.extend([b"\x03", b"\x02"])
    assert (spool.waiting, spool.lost) == (5, 0)
    half = 2 * (8 + 1) + 9
    monkeypatch.setattr(Segment, "write", lambda self, data: half)
    spool.extend([b"\x03", b"\x02", b"\x01", b"\x04"])
    assert (spool.waiting, spool.lost) == (11, 4)

    def refuse(self: Segment, data: bytes) -> int:
        raise OSError

    monkeypatch.setattr(Segment, "write", refuse)
    spool.extend([b"\x07"])
    assert spool.lost == 11
    monkeypatch.undo()
    spool.close()


def test_what_a_dead_process_left_is_counted(tmp_path: Path) -> None:
    dead = Spool(tmp_path, "s", 1 << 20)
    dead.extend([b"\x03", b"\x02"])
    dead.close()
    spool = Spool(tmp_path, "s", 1 << 20, things_in=lambda entry: entry[0])
    spool.recover()
    assert spool.waiting == 5
    assert everything(spool) == [b"\x03", b"\x02"]
