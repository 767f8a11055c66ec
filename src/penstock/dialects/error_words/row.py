"""One row of words: what a provider says for one class of errors, and where it is seen that it says so."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from penstock.core.outcome import ErrorClass

_REPORT: Final = re.compile(r"https://github\.com/[^/]+/[^/]+/(issues|pull|discussions)/")
_CODE: Final = re.compile(r"https://github\.com/([^/]+)/[^/]+/blob/")
_OWN_CODE: Final = frozenset({"ggml-org", "huggingface", "ollama"})
"""Owners of repositories that are providers of these rows themselves."""


class ErrorWords(msgspec.Struct, frozen=True):
    """One row. ``codes`` are separated by spaces, ``texts`` are regular expressions for a part of the message.

    Codes are compared whole, without case. Words count whoever sends them, for gateways pass on what their own
    providers say; codes of a row that is ``own`` (numbers, or words that others use otherwise) count at that provider
    only. ``provider`` is the slug of a row of providers/ or a maker's name; ``also`` are slugs for whose ``own`` codes
    the row holds, too. ``found`` is False where neither ``link`` nor a report was found to have these words.
    """

    provider: str
    error: ErrorClass
    codes: str
    texts: tuple[str, ...]
    link: str
    own: bool = False
    also: tuple[str, ...] = ()
    found: bool = True

    @property
    def evidence(self) -> str:
        """Where the words are from: a document of the provider's, its source code, or a report that quotes it."""
        if not self.found:
            return "not found"
        if _REPORT.match(self.link):
            return "not documented; from a report"
        code = _CODE.match(self.link)
        if code is None:
            return "document"
        return "source code" if code[1] in _OWN_CODE else "not documented; from a client's code"
