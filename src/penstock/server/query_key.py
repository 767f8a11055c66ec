"""A key in a request's query, ``?key=``, as older clients of Google's show it.

It is moved to a header field of its own, which no client can send, before anything else looks at the query: so it is
read like every other credential, and neither logged nor forwarded.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote_plus

from penstock.core.http import Headers
from penstock.pipeline.authenticate import QUERY_KEY

_NAME = "key"


def with_query_key(
    headers: Headers, fields: Mapping[bytes, bytes], query: str
) -> tuple[Headers, Mapping[bytes, bytes], str]:
    """Headers, the same by name, and query: the key of the query among the headers. All as they are without one."""
    if f"{_NAME}=" not in query:
        return headers, fields, query
    pairs = [pair.partition("=") for pair in query.split("&")]
    keys = [value for name, _, value in pairs if unquote_plus(name) == _NAME]
    rest = "&".join("".join(pair) for pair in pairs if unquote_plus(pair[0]) != _NAME)
    value = unquote_plus(next(filter(None, keys), "")).encode("utf-8", "replace")
    if not value:
        return headers, fields, rest
    return [*headers, (QUERY_KEY, value)], {**fields, QUERY_KEY: value}, rest
