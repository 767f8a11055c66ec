"""A request for a response that the gateway may keep, on its way through an attempt (conversations.py)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from penstock.core.body import Body
from penstock.core.json_text import write_json
from penstock.pipeline.rewrite import Rewritten

_STORE = "store"


class Keeping(msgspec.Struct):
    """What is kept if a host without a Responses API answers. ``previous`` is the id of the response that the request
    goes on from. ``input`` are the items as the last attempt sent them, None where they are too long to be kept."""

    owner: bytes
    longest: int
    previous: str | None = None
    input: bytes | None = None

    def noted(self, body: Body, rewritten: Rewritten) -> Rewritten:
        """The request of an attempt, whose answer says that it is kept."""
        raw = body.raw("input") or b"[]"
        self.input = bytes(raw) if len(raw) <= self.longest else None
        if self.input is None:
            return rewritten
        members: Mapping[str, bytes] = {_STORE: b"true", "previous_response_id": write_json(self.previous)}
        echo = msgspec.structs.replace(rewritten.echo, members={**rewritten.echo.members, **members})
        dropped = tuple([name for name in rewritten.dropped if name != _STORE])
        return msgspec.structs.replace(rewritten, echo=echo, dropped=dropped)
