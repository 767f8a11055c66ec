"""The settings of responses that the gateway keeps: docs/responses.md."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from penstock.settings.kinds import Switch


class Responses(Struct, frozen=True):
    """Responses of hosts that keep none: docs/responses.md#kept-by-the-gateway."""

    store: Annotated[
        Switch,
        Meta(
            description="Keep responses, and what was asked, in the database where the host has no Responses API, so "
            "that `previous_response_id` continues them. A request with `store: false` is not kept."
        ),
    ] = False
    retention_days: Annotated[
        int,
        Meta(
            ge=1,
            le=3650,
            title="a whole number of days from 1 to 3650",
            description="Days after which a response is deleted.",
            extra={"unit": "days"},
        ),
    ] = 30
    max_response_bytes: Annotated[
        int,
        Meta(
            ge=1024,
            le=64 << 20,
            title='a number of bytes from 1024 to "64 MB"',
            description="Most bytes of a conversation, and of an answer, that are kept; a longer one is answered with "
            "`store: false`.",
            extra={"unit": "bytes"},
        ),
    ] = 2 << 20
    max_responses: Annotated[
        int,
        Meta(
            ge=1,
            title="a whole number, 1 or more",
            description="Most responses that are kept for one gateway key; beyond that the oldest go.",
        ),
    ] = 10_000
    max_key_bytes: Annotated[
        int,
        Meta(
            ge=1024,
            title='a number of bytes, at least 1024, such as "1 GB"',
            description="Most bytes, compressed, that are kept for one gateway key; beyond that the oldest responses "
            "go.",
            extra={"unit": "bytes"},
        ),
    ] = 256 << 20
