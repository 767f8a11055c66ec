"""A value on its way to another process of the gateway, in a file without a name: large bytes lie beside the pickled
rest (pickle's protocol 5, out-of-band buffers), so that nobody copies them while holding Python's lock.

Only the gateway and its own child write such files (process.py): what is unpickled comes from nobody else.
"""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final

_HEAD: Final = struct.Struct("!QQ")
"""The length of the pickle, and the number of buffers."""
_SIZE: Final = struct.Struct("!Q")
_BESIDE: Final = 4 << 10
"""Bytes from which a buffer lies beside the pickle."""
_PIECE: Final = 4 << 20
"""Bytes that one system call writes or reads."""

Buffer = bytes | memoryview


def open_pickle_file() -> int:
    """A new file without a name. The caller closes the descriptor."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("penstock", os.MFD_CLOEXEC)
    import tempfile  # every start would pay for it

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def pack(fd: int, value: Any) -> None:
    """Write a value to the file."""
    beside: list[memoryview] = []

    def keeps_within(buffer: pickle.PickleBuffer) -> bool:
        view = buffer.raw()
        if len(view) < _BESIDE:
            return True
        beside.append(view)
        return False

    pickled = pickle.dumps(value, 5, buffer_callback=keeps_within)
    sizes = b"".join([_SIZE.pack(len(view)) for view in beside])
    for view in (memoryview(_HEAD.pack(len(pickled), len(beside)) + sizes + pickled), *beside):
        written = 0
        while written < len(view):
            written += os.write(fd, view[written : written + _PIECE])


def unpack_copied(fd: int) -> Any:
    """The value, its large bytes as ``bytes``. The file's system calls don't hold Python's lock."""
    return _unpack(lambda start, end: _read(fd, start, end))


def unpack_mapped(fd: int) -> Any:
    """The value, its large bytes as views of the file, which nobody copies."""
    import mmap

    view = memoryview(mmap.mmap(fd, 0, access=mmap.ACCESS_READ))
    return _unpack(lambda start, end: view[start:end])


def _unpack(part: Callable[[int, int], Buffer]) -> Any:
    length, count = _HEAD.unpack(part(0, _HEAD.size))
    start = _HEAD.size + count * _SIZE.size
    sizes = [size for (size,) in _SIZE.iter_unpack(part(_HEAD.size, start))]
    return pickle.loads(part(start, start + length), buffers=_parts(part, start + length, sizes))  # noqa: S301 (own)


def _parts(part: Callable[[int, int], Buffer], start: int, sizes: list[int]) -> Iterator[Buffer]:
    for size in sizes:
        yield part(start, start + size)
        start += size


def _read(fd: int, start: int, end: int) -> bytes:
    data = os.pread(fd, end - start, start)
    while len(data) < end - start:  # one call reads no more than 2 GB
        more = os.pread(fd, end - start - len(data), start + len(data))
        if not more:
            raise EOFError("a pickle_file is cut short")
        data += more
    return data
