"""Settings of ids that the gateway binds to their target."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class Ids(Struct, frozen=True):
    """Ids of files, batches, responses and the like."""

    secret: Annotated[
        str,
        Meta(
            title="text",
            description="Secret text, the same in every replica, that binds ids of configs with several targets to the "
            "target that has the thing; empty: ids pass as they are, and a request with an id names its provider.",
            extra={"secret": True},
        ),
    ] = ""
