"""A value on its way to another process: large bytes beside the pickle, whole and unchanged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pickle import PickleBuffer
from types import SimpleNamespace
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.pipeline.off_loop import pickle_file


@pytest.fixture
def file() -> Iterator[int]:
    descriptor = pickle_file.open_pickle_file()
    yield descriptor
    os.close(descriptor)


LARGE = os.urandom(3 * pickle_file._BESIDE)


@pytest.mark.parametrize("value", [None, "text", {"a": [1, 2.5, b"bytes"]}, b"", (LARGE, {"b": LARGE})])
def test_a_value_arrives(file: int, value: Any) -> None:
    pickle_file.pack(file, value)
    assert pickle_file.unpack_copied(file) == value
    assert pickle_file.unpack_mapped(file) == value


def test_large_bytes_arrive_as_bytes_or_as_views_of_the_file(file: int) -> None:
    pickle_file.pack(file, [PickleBuffer(LARGE), PickleBuffer(b"small"), PickleBuffer(memoryview(LARGE)[1:])])
    copied, mapped = pickle_file.unpack_copied(file), pickle_file.unpack_mapped(file)
    assert copied == mapped == [LARGE, b"small", LARGE[1:]]
    assert [type(each) for each in copied] == [bytes, bytes, bytes]
    assert [type(each) for each in mapped] == [memoryview, bytes, memoryview]


def test_no_call_writes_much(file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large bytes are not a part of the pickle, and every call of the system takes a piece of them."""
    write, sizes = os.write, []

    def noted(descriptor: int, data: memoryview) -> int:
        sizes.append(len(data))
        return write(descriptor, data)

    monkeypatch.setattr(pickle_file, "os", SimpleNamespace(**{**vars(os), "write": noted}))
    body = Body.parse(b'{"model":"m","messages":["%b"]}' % (b"x" * (3 * pickle_file._PIECE)))
    pickle_file.pack(file, body)
    assert max(sizes) == pickle_file._PIECE
    assert sizes[0] < 1000
    assert pickle_file.unpack_mapped(file).encode() == body.encode()


def test_a_file_that_is_cut_short(file: int) -> None:
    pickle_file.pack(file, PickleBuffer(LARGE))
    os.truncate(file, len(LARGE))
    with pytest.raises(EOFError):
        pickle_file.unpack_copied(file)


def test_a_system_without_files_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    others = {name: value for name, value in vars(os).items() if name != "memfd_create"}
    monkeypatch.setattr(pickle_file, "os", SimpleNamespace(**others))
    descriptor = pickle_file.open_pickle_file()
    pickle_file.pack(descriptor, PickleBuffer(LARGE))
    assert pickle_file.unpack_copied(descriptor) == LARGE
    os.close(descriptor)
