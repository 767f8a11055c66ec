"""What one attempt came to: the value that the routing generator is sent."""

from __future__ import annotations

import msgspec

from penstock.core.failure import Failure


class Outcome(msgspec.Struct, frozen=True):
    """The result of one attempt as routing sees it.

    ``status`` is the HTTP status that the caller would get if routing stopped here. ``failure`` is None only for
    a good reply. ``reached_upstream`` tells whether any byte of the request may have reached the provider;
    ``committed`` whether bytes of this attempt's reply already went to the caller, after which nothing may replace it.
    """

    status: int
    failure: Failure | None = None
    reached_upstream: bool = True
    committed: bool = False

    @property
    def ok(self) -> bool:
        return self.failure is None and 200 <= self.status < 300
