"""The settings of the request log: docs/request-log.md."""

from __future__ import annotations

import re
from typing import Annotated, Final

from msgspec import Meta, Struct

from penstock.settings.kinds import Switch

_LONGEST_PATTERN: Final = 500

_Days = Annotated[int, Meta(ge=0, le=36_500, title="a whole number of days, 0 or more", extra={"unit": "days"})]
_Room = Annotated[
    int, Meta(ge=1024, title='a number of bytes, at least 1024, such as "256 KB"', extra={"unit": "bytes"})
]
Pattern = Annotated[str, Meta(min_length=1, max_length=_LONGEST_PATTERN)]


class Logs(Struct, frozen=True):
    """The request log in the database: docs/request-log.md."""

    enabled: Annotated[
        Switch, Meta(description="Keep a row of each request in the database, where there is a database.")
    ] = True
    content: Annotated[
        Switch,
        Meta(
            description="Keep headers and bodies of requests and answers, too, unless the gateway key, its workspace "
            "or the request's `x-portkey-debug` says otherwise."
        ),
    ] = False
    max_content_bytes: Annotated[_Room, Meta(description="Most bytes that are kept of one body.")] = 256 << 10
    retention_days: Annotated[_Days, Meta(description="Days after which a row is deleted; 0: never.")] = 90
    content_retention_days: Annotated[
        _Days, Meta(description="Days after which headers and bodies are deleted; 0: with their row.")
    ] = 30
    spool_bytes: Annotated[
        _Room,
        Meta(
            description="Most bytes of rows that wait in a file of each worker while the database can't be reached; "
            "beyond that the oldest rows are lost, and counted."
        ),
    ] = 256 << 20
    redact: Annotated[
        tuple[Pattern, ...],
        Meta(
            title="a list of regular expressions",
            description="What these match in bodies, in texts of errors and in metadata is kept as `[redacted]`, "
            "beside keys and tokens of well-known forms.",
            examples=[["[0-9]{16}"]],
            extra={"listed": True},
        ),
    ] = ()

    def problems(self) -> list[str]:
        """Why patterns can't be used."""
        problems = []
        for pattern in self.redact:
            try:
                re.compile(pattern)
            except re.error as error:
                problems.append(f"logs.redact: {pattern[:60]} is no regular expression: {error}")
        return problems
