"""Settings of ids that the gateway binds to their target."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from penstock.settings.kinds import Switch


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
    lists: Annotated[
        Switch,
        Meta(
            description="Let callers list what a provider keeps for an account (`GET /v1/files`, batches and so on): "
            "gateway keys that share the account see each other's. `false` refuses such lists (403), so that only who "
            "knows an id reaches what has it."
        ),
    ] = True
