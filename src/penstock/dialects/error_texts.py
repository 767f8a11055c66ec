"""What the message of an error says in every caller's wire that has one."""

from __future__ import annotations

from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.core.json_text import read_json_or_none
from penstock.core.vendor_error import read_vendor_error
from penstock.dialects.caller_errors import TargetError

_SAYS_NO_MORE: Final = frozenset({Kind.INVALID_REQUEST, Kind.INTERNAL, Kind.UPSTREAM_STATUS, Kind.NOT_FOUND})
"""Kinds of which the name says less than the status, or the wire's own word for it, does."""


def words(failure: Failure) -> str:
    """The message, every fault in it, and the code where it says more: for wires without a place for the code."""
    message = "\n".join((failure.message, *failure.details))
    if failure.kind in _SAYS_NO_MORE or failure.kind.value in message:
        return message
    return f"{message} [{failure.kind.value}]"


def beside(message: str, decisive: TargetError, last: TargetError) -> str:
    """The message of an earlier target's error that matters, with the error of the last target behind it."""
    last_message = read_vendor_error(read_json_or_none(last.body)).message or "no message"
    return (
        f"{message} ({decisive.path}; the last target, {last.path}, answered with status {last.status}: {last_message})"
    )
