"""Settings of ids that the gateway binds to their target."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from penstock.settings.kinds import Switch


class Ids(Struct, frozen=True):
    """Ids of files, batches, responses and the like."""

    bound: Annotated[
        Switch,
        Meta(
            description="Bind ids to the account that has the thing, where a later request may not name it again "
            "(docs/responses.md#ids). `false`: ids pass as they are, and a request with an id names its provider."
        ),
    ] = True
    secret: Annotated[
        str,
        Meta(
            title="text",
            description="Secret text, the same in every replica, that binds ids; empty: the keys that encrypt the "
            "database's secrets, if there are any, else a secret that is made at the first start and kept in the data "
            "folder. Replicas (PostgreSQL, Redis) without such keys bind no ids.",
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
