"""Reading a text file within a bound: a name may lead to a device that never ends, or to a file of any size.

And TOML, whose library lets more errors through than its own: numbers with too many digits, nesting without an end.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any, BinaryIO, Final

LARGEST_SETTINGS: Final = 4 << 20
"""Bytes of a penstock.toml, with all its virtual keys, configs and gateway keys."""


class TooLarge(Exception):
    """A file has more bytes than may be read. The message is the reason: ``it is larger than 4194304 bytes``."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"it is larger than {limit} bytes")


def read_text(path: Path, limit: int, *, is_input: bool = False) -> str:
    """The text of a file, without a byte-order mark. Raises TooLarge, OSError and UnicodeDecodeError.

    A pipe is refused, since it would wait for a writer and could not be read again; ``is_input`` takes one, such as a
    shell's ``<(command)``.
    """
    with open(path, "rb", opener=None if is_input else _open_at_once) as file:
        return read_stream(file, limit)


def _open_at_once(path: str, flags: int) -> int:
    """Open a file and never wait for it. Raises OSError for a pipe."""
    number = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if stat.S_ISFIFO(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, "it is a pipe and no file", path)
    os.set_blocking(number, True)
    return number


def read_stream(file: BinaryIO, limit: int) -> str:
    """The text of a file that is open, such as standard input. Raises TooLarge, OSError and UnicodeDecodeError."""
    data = file.read(limit + 1)
    if len(data) > limit:
        raise TooLarge(limit)
    return data.decode("utf-8-sig")


_LONGEST_KEY: Final = 1000
"""Parts of a dotted key: the library needs time in proportion to their square."""
_PART: Final = re.compile(
    r"""
    (?: "[^"\n]*+" | '[^'\n]*+' | [A-Za-z0-9_-]++ ) (?P<dot> [ \t]*+\.[ \t]*+ )?
    | [^"'A-Za-z0-9_-]++
    | .
    """,
    re.VERBOSE,
)


class BadToml(Exception):
    """A text is not valid TOML. The message is the reason."""


def parse_toml(text: str) -> dict[str, Any]:
    """The values of a TOML text. Raises BadToml."""
    if text.count(".") > _LONGEST_KEY and _has_long_key(text):
        raise BadToml(f"a key has more than {_LONGEST_KEY} parts")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadToml(str(error)) from None
    except ValueError:
        raise BadToml("a number has too many digits") from None
    except RecursionError:
        raise BadToml("it is nested too deeply") from None


def _has_long_key(text: str) -> bool:
    parts = 0
    for token in _PART.finditer(text):
        parts = parts + 1 if token["dot"] is not None else 0
        if parts > _LONGEST_KEY:
            return True
    return False
