"""How a request is served, as its head says: worked out once where a connection sends its head again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, unquote_plus

from penstock.core.failure import Failure
from penstock.dialects.caller import RequestBody
from penstock.pipeline.authenticate import Caller, query_without_keys
from penstock.pipeline.call import Call, Upload
from penstock.pipeline.head_memo import HeadMemo
from penstock.pipeline.request_headers import HOPS_HEADER
from penstock.server.bodies.media_types import content_type_refused
from penstock.server.origin import Origins
from penstock.server.request_context import RequestContext
from penstock.server.surface_table import Match, Surface

_VISIBLE: Final = "".join(map(chr, range(0x21, 0x7F)))
_CREDENTIALS: Final = frozenset({"key", "api_key", "api-key", "access_token"})
"""Query parameters that may hold a key: none is forwarded."""


class RequestHead:
    """The surface of a request and what its head says of it.

    ``path`` is without the name before it, ``name`` the name in ``/@NAME/v1/…``. ``query`` is as it came,
    ``forwarded`` the part of it that goes on. ``refused`` is why the body can't be what the surface takes;
    ``page_refused`` why the request of a web page is refused where no gateway key is shown.
    """

    __slots__ = ("forwarded", "hops", "name", "page_refused", "parameters", "path", "query", "refused", "surface")

    def __init__(
        self, match: Match, path: str, query: str, name: str | None, fields: Mapping[bytes, bytes], origins: Origins
    ) -> None:
        surface = self.surface = match.surface
        self.parameters = match.parameters
        self.path = path
        self.query = query
        self.name = name
        self.forwarded = _forwarded(query, surface.forwarded_query) if query else ""
        hops = fields.get(HOPS_HEADER, b"")
        self.hops = int(hops[:4]) if hops.isdigit() else 0
        self.refused: Failure | None = content_type_refused(fields, surface.body) if surface.body else None
        self.page_refused = origins.refused(fields)

    def call(
        self,
        surface: Surface,
        context: RequestContext,
        caller: Caller,
        body: bytes,
        memo: HeadMemo | None,
        request: RequestBody | None = None,
        upload: Upload | None = None,
    ) -> Call:
        """The call that a request with this head is: ``request`` is its body where it was read, ``upload`` what follows
        it, ``memo`` what earlier requests with the head have left."""
        query = query_without_keys(self.forwarded, caller) if self.forwarded else ""
        return Call(
            surface.operation, surface.dialect, context.headers, context.fields, body, context.trace_id,
            context.account, self.path, self.parameters, query, self.hops, caller, surface.default_provider, self.name,
            request, surface.streams, surface.resource, memo, upload,
        )  # fmt: skip


def _shows_key(pair: str) -> bool:
    """Whether a pair of a query may be a credential, also for a host that takes ``;`` for ``&``, or names in any
    case."""
    names = [each.partition("=")[0].strip() for each in (pair, *unquote_plus(pair).split(";"))]
    return any(unquote_plus(name).lower() in _CREDENTIALS for name in names)


def _forwarded(query: str, names: frozenset[str] | None) -> str:
    """The pairs of a query that are forwarded to a provider, unchanged. None: all but credentials."""
    if names is None:
        pairs = [pair for pair in query.split("&") if not _shows_key(pair)]
        return quote("&".join(pairs), safe=_VISIBLE, encoding="latin-1")
    return "&".join([pair for pair in query.split("&") if pair.partition("=")[0] in names])
