"""Takes secrets out of what the request log keeps: keys of well-known forms, and what the operator's patterns match."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from penstock.core.http import Headers

if TYPE_CHECKING:
    import regex

REDACTED: Final = "[redacted]"
_SECONDS: Final = 0.25
"""How long one pattern of the operator's may take for one text: then nothing of the text is kept."""
_SLOW: Final = "[redacted: a pattern of logs.redact took too long]"
_KNOWN: Final = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|pplx|hf|r8|ghp|gho|ghs|github_pat|glpat)[-_][A-Za-z0-9_-]{16,}"
    r"|\bAKIA[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{35}|\bxox[abprs]-[0-9A-Za-z-]{10,}"
    r"|\beyJ[A-Za-z0-9_-]{10,4096}+\.[A-Za-z0-9_-]{10,}+\.[A-Za-z0-9_-]*+"
    r"|(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{8,}"
    r"|-----BEGIN [A-Z ]{0,64}+(?<=PRIVATE KEY)-----(?:(?!-----).){16,8192}+"
    r"-----END [A-Z ]{0,64}+(?<=PRIVATE KEY)-----",
    re.DOTALL,
)
"""Each alternative takes bounded steps for a place of the text, whatever follows: a caller writes it."""
_SHOWN_HEADERS: Final = frozenset(
    b"""
    accept accept-encoding accept-language cache-control connection content-encoding content-length content-type date
    host retry-after server traceparent transfer-encoding user-agent vary x-request-id request-id x-content-type-options
    anthropic-version anthropic-beta openai-beta openai-version openai-processing-ms x-portkey-provider
    x-portkey-trace-id x-portkey-span-id x-portkey-parent-span-id x-portkey-span-name x-portkey-metadata
    x-portkey-cache-namespace x-portkey-cache-force-refresh x-portkey-cache-status x-portkey-request-id
    x-portkey-retry-attempt-count x-portkey-last-used-option-index x-portkey-request-timeout x-portkey-debug
    """.split()
)
_SHOWN_PREFIXES: Final = (
    b"x-stainless-", b"x-ratelimit-", b"anthropic-ratelimit-", b"x-portkey-package", b"x-portkey-runtime",
    b"x-penstock-",
)  # fmt: skip
_HIDDEN: Final = "*****"


class Redactor:
    """``patterns`` are regular expressions beside the well-known forms; each is one that compiles."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._own = [_compiled(pattern) for pattern in patterns]

    @property
    def may_be_slow(self) -> bool:
        """Whether there are patterns of the operator's: one of them may take ``_SECONDS`` for a text."""
        return bool(self._own)

    def text(self, text: str) -> str:
        """The text without secrets."""
        text = _KNOWN.sub(REDACTED, text)
        for pattern in self._own:
            try:
                text = pattern.sub(REDACTED, text, timeout=_SECONDS)
            except TimeoutError:
                return _SLOW
        return text

    def labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Texts by name, with the values without secrets."""
        return {name: self.text(value) for name, value in labels.items()}

    def body(self, data: bytes | bytearray) -> str | bytes:
        """A body as text without secrets; one that is no UTF-8, such as a sound, stays as it is."""
        # A body that was cut off may end in the middle of a character.
        for cut in range(4):
            try:
                return self.text(data[: len(data) - cut].decode())
            except UnicodeDecodeError as error:
                if error.start < len(data) - 4:
                    break
        return bytes(data)

    def headers(self, headers: Headers) -> dict[str, str]:
        """Headers by name. Only values of headers that are known to hold no credential are shown: callers and providers
        name the headers of their credentials as they like."""
        shown = {}
        for name, value in headers:
            lowered = name.lower()
            is_plain = lowered in _SHOWN_HEADERS or lowered.startswith(_SHOWN_PREFIXES)
            shown[lowered.decode("latin-1")] = self.text(value.decode("utf-8", "replace")) if is_plain else _HIDDEN
        return shown


def _compiled(pattern: str) -> regex.Pattern[str]:
    import regex  # few operators have patterns of their own, and every start would pay for it

    return regex.compile(pattern)
