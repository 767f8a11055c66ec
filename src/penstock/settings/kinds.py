"""The kinds of values that settings have: type, bounds, and what an error says a value must be."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

YEAR: Final = 31_536_000
PORT: Final = "([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"

Text = Annotated[str, Meta(title="text")]
File = Annotated[str, Meta(title="the path of a file")]
Switch = Annotated[bool, Meta(title="true or false")]
Port = Annotated[int, Meta(ge=0, le=65535, title="a whole number from 0 to 65535")]
Number = Annotated[int, Meta(ge=0, title="a whole number, 0 or more")]
Some = Annotated[int, Meta(ge=1, le=1024, title="a whole number from 1 to 1024")]
Bytes = Annotated[int, Meta(ge=1, title='a number of bytes, such as 65536 or "100 MB"', extra={"unit": "bytes"})]
Room = Annotated[
    int, Meta(ge=0, title='a number of bytes, 0 or more, such as 65536 or "100 MB"', extra={"unit": "bytes"})
]
Seconds = Annotated[float, Meta(ge=0, le=YEAR, title="a number of seconds from 0 to a year", extra={"unit": "s"})]
Milliseconds = Annotated[
    int, Meta(ge=0, le=3_600_000, title="a whole number of milliseconds from 0 to an hour", extra={"unit": "ms"})
]
LogLevel = Annotated[
    Literal["critical", "error", "warning", "info", "debug"],
    Meta(title="one of critical, error, warning, info, debug"),
]
WebOrigin = Annotated[str, Meta(pattern=r"^(\*|[a-z][a-z0-9+.-]*://[^\s,/]+)$")]
HostPattern = Annotated[str, Meta(pattern=r"^[^\s,]+$")]
MetadataName = Annotated[str, Meta(pattern=r"^[^,]{1,128}$")]
Network = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f.:]+(/[0-9]+)?$")]


def address_of(listen: str) -> tuple[str, int] | None:
    """``ADDRESS:PORT``, or a port of 127.0.0.1; None for an empty text."""
    host, _, port = listen.rpartition(":")
    return (host.strip("[]") or "127.0.0.1", int(port)) if listen else None
