"""Whether the content of a request is kept: docs/request-log.md#what-is-kept-and-for-how-long."""

from __future__ import annotations

from typing import Final

HEADER: Final = "x-portkey-debug"
"""The header that says it for one request."""


def keeps_content(setting: bool, narrower: bool | None, header: str | None, *, may_switch_on: bool) -> bool:
    """``narrower`` is what the gateway key or, without a word of it, its workspace says, and None where both say
    nothing: then ``setting`` holds. The header switches it off for one request; on only for a key that may."""
    kept = setting if narrower is None else narrower
    word = None if header is None else header.lower()
    if word == "true":
        return kept or may_switch_on
    return kept and word != "false"
