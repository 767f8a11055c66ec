"""One request while it is being served: what came in, what went out, and the Record that it ends as."""

from __future__ import annotations

import random
import time

from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.observe.record import Record
from penstock.pipeline.attempt import HOPS_HEADER
from penstock.pipeline.call import Answer, read_metadata
from penstock.server.client import Client
from penstock.server.respond import Sent
from penstock.server.surfaces import Surface


class RequestContext:
    """What is known of one request while it is being served; it ends as a Record."""

    __slots__ = (
        "answer", "arrived", "at", "cancelled", "client", "fields", "headers", "hops", "method", "path",
        "refused", "sent", "surface", "trace_id",
    )  # fmt: skip

    def __init__(self, surface: Surface, method: str, path: str, headers: Headers, client: Client) -> None:
        self.at = time.time()
        self.arrived = time.monotonic()
        self.surface = surface
        self.method = method
        self.path = path
        self.headers = surface.routed(headers)
        self.client = client
        self.fields = dict(self.headers)
        self.trace_id = self.fields.get(b"x-portkey-trace-id") or b"%032x" % random.getrandbits(128)
        hops = self.fields.get(HOPS_HEADER, b"")
        self.hops = int(hops[:4]) if hops.isdigit() else 0
        self.answer: Answer | None = None
        self.refused: Failure | None = None
        self.cancelled = False
        self.sent = Sent()

    def record(self) -> Record:
        answer, now = self.answer, time.monotonic()
        failure = self.sent.failure or self.refused or (answer.failure if answer else None)
        target = answer.target if answer else None
        first_byte = self.sent.first_byte
        return Record(
            at=self.at,
            method=self.method,
            path=self.path,
            status=self._status(),
            latency=now - self.arrived,
            provider=target.provider if target else None,
            model=answer.model if answer else None,
            stream=answer is not None and answer.relay is not None,
            first_byte=None if first_byte is None else first_byte - self.arrived,
            usage=answer.usage if answer else None,
            failure=_failure_name(failure, cancelled=self.cancelled, left=self.client.gone),
            trace_id=self.trace_id.decode("utf-8", "replace"),
            option=target.path if target else None,
            dropped=answer.dropped if answer else (),
            metadata=_labels(self.fields.get(b"x-portkey-metadata")),
            trace=answer.trace if answer else "",
            cache=answer.cache_status if answer and answer.cache_status != "DISABLED" else None,
            skipped=answer.scan.skipped if answer and answer.scan else 0,
        )

    def _status(self) -> int:
        if self.client.gone or (self.refused and self.refused.kind is Kind.CLIENT_DISCONNECTED):
            return 499
        if self.refused is not None:
            return self.refused.status
        return self.answer.status if self.answer else 503 if self.cancelled else 500


def _failure_name(failure: Failure | None, *, cancelled: bool, left: bool) -> str | None:
    if left:
        return Kind.CLIENT_DISCONNECTED.value
    if failure is not None:
        return failure.kind.value
    return Kind.SHUTTING_DOWN.value if cancelled else None


def _labels(raw: bytes | None) -> dict[str, str] | None:
    """The caller's own labels, as far as they are text."""
    if raw is None:
        return None
    return {key: item[:128] for key, item in read_metadata(raw).items() if isinstance(item, str)}
