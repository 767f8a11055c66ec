"""Paths of requests: the name that one may begin with, and whether hosts read its segments as they stand."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from penstock.core.http import SLASH
from penstock.pipeline.choice import ONLY_CONFIG


def is_plain(path: str) -> bool:
    """Whether every segment of a path names something: none is empty, but for the last, none is dots.

    ``path`` is percent-decoded. Hosts read further: some decode again, take a backslash for a slash, or cut a segment
    at a semicolon (``..;`` in Tomcat). So a segment is judged as the most generous host reads it. Bytes that are not
    UTF-8 may be dots to a host that reads overlong forms (``%C0%AE``): no plain path has them.
    """
    *segments, _ = path.split("/")
    if not path or _UNDECODABLE in path or "" in segments:
        return False
    return not any(each in (".", "..") for each in _as_hosts_read(path))


def _as_hosts_read(path: str) -> list[str]:
    """The segments of a path, decoded to the end, without parameters and control characters."""
    for _ in range(_MOST_DECODINGS):
        decoded = unquote(path)
        if decoded == path:
            break
        path = decoded
    return [_IGNORED.sub("", each.partition(";")[0]) for each in path.replace("\\", "/").split("/")]


_MOST_DECODINGS: Final = 8
_UNDECODABLE: Final = "\N{REPLACEMENT CHARACTER}"
"""What stands for such bytes in a decoded path."""
_IGNORED: Final = re.compile(r"[\x00-\x20\x7f]")
"""Characters that URL parsers take out (https://url.spec.whatwg.org/#concept-basic-url-parser)."""


def raw_end(raw_path: str, end: str) -> str:
    """The part of a path as it came that stands for ``end``, its percent-decoded end, which begins behind a slash;
    empty if there is none."""
    parts = SLASH.split(raw_path)
    raw = "".join(parts[-1 - 2 * end.count("/") :])
    return raw if unquote(raw) == end else ""


def named_path(path: str) -> tuple[str | None, str]:
    """The name in a path ``/@NAME/v1/…``, and the rest of the path; None and the whole path for any other.

    ``path`` is percent-decoded. A name holds no slash, and is not empty. ``/c/NAME`` names a saved config and nothing
    else: its name is ``c/NAME`` here. Habits of other gateways' clients count, too: ``/anthropic`` is ``/@anthropic``,
    and what OpenAI's clients ask Google below its base URL for them is asked of Google.
    """
    if path.startswith(_OPENAI_AT_GOOGLE):
        return "google", f"/v1/{path.removeprefix(_OPENAI_AT_GOOGLE)}"
    start = 0
    if path.startswith("/@"):
        start = 2
    elif path.startswith(f"/{ONLY_CONFIG}"):
        start = 1 + len(ONLY_CONFIG)
    name, slash, rest = path[start or 1 :].partition("/")
    if not name or not slash:
        return None, path
    if start == 0:
        usual = _USUAL_PREFIXES.get(name)
        return (None, path) if usual is None else (usual, slash + rest)
    return (name if start == 2 else f"{ONLY_CONFIG}{name}"), slash + rest


def forgiven(path: str) -> tuple[str, ...]:
    """A path as its client may have meant it: slashes doubled or at the end and a doubled ``/v1`` are taken out, and
    where that is no path, a ``/v1`` that is missing is added. Base URLs are written by people: with a slash behind
    them, with ``/v1`` for a client that adds its own, without it for one that doesn't."""
    plain = _REPEATED.sub("", _SLASHES.sub("/", path).removesuffix("/"))
    meant = (plain,) if _VERSIONED.match(plain) else (plain, f"/v1{plain}")
    return tuple([each for each in meant if each != path])


_SLASHES: Final = re.compile("/{2,}")
_REPEATED: Final = re.compile(r"\A(?:/v1)+(?=/v1/)")
_VERSIONED: Final = re.compile(r"/v[0-9]")
_USUAL_PREFIXES: Final = {
    **{name: name for name in ("anthropic", "openai", "gemini", "bedrock", "cohere", "ollama", "azure")},
    "genai": "google",
}
"""Beginnings of paths by which other gateways' clients name a provider, and the name that each stands for."""
_OPENAI_AT_GOOGLE: Final = "/v1beta/openai/"
"""https://ai.google.dev/gemini-api/docs/openai"""
