"""The settings of the database, of counters, and of the admin API over it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from penstock.settings.kinds import PORT, Milliseconds, Seconds, Switch, Text, address_of


class Store(Struct, frozen=True):
    """The database of the control plane: docs/control-plane.md."""

    database: Annotated[
        Text,
        Meta(
            description="`sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`; empty: `penstock.db` in "
            "`data_dir`; `none`: no database.",
            extra={"secret": True},
        ),
    ] = ""
    data_dir: Annotated[
        Text,
        Meta(
            title="the path of a folder",
            description="Folder of what the gateway keeps, made where it is missing; empty: `$XDG_DATA_HOME/penstock` "
            "or `~/.local/share/penstock`, and no database where that can't be written.",
        ),
    ] = ""
    catalogue_max_age: Annotated[
        Seconds,
        Meta(
            description="How long what was read of the database stays in force while it can't be reached; 0: as long "
            "as that lasts."
        ),
    ] = 0.0
    counters: Annotated[
        Literal["auto", "memory", "database", "redis"],
        Meta(
            title="one of auto, memory, database, redis",
            description="Where limits are counted. `auto`: in Redis, if there is one; in the database, if it is "
            "PostgreSQL or there are several workers; else in memory.",
        ),
    ] = "auto"
    redis: Annotated[
        Text,
        Meta(
            description="Redis or Valkey for what replicas share: `redis://:PASSWORD@HOST:6379/0`, `rediss://…` for "
            "TLS, `unix:///SOCKET`; empty: none. Needs `pip install 'penstock[redis]'`.",
            extra={"secret": True},
        ),
    ] = ""
    redis_timeout_ms: Annotated[Milliseconds, Meta(description="Longest time that a request waits for Redis.")] = 50
    database_timeout_ms: Annotated[
        Milliseconds, Meta(description="Longest time that a request waits for counters in the database.")
    ] = 250


class Admin(Struct, frozen=True):
    """The admin API: docs/control-plane.md#admin-api."""

    enabled: Annotated[
        Switch,
        Meta(description="Serve the admin API. It needs an admin key: `penstock key create --admin` makes the first."),
    ] = True
    listen: Annotated[
        str,
        Meta(
            pattern=rf"^(.+:{PORT})?$",
            title="ADDRESS:PORT, such as 127.0.0.1:8788",
            description="`ADDRESS:PORT` of a port of the admin API's own, which then is served nowhere else; empty: "
            "the port of the gateway. Under another server than `penstock serve` there is no port of its own.",
            examples=["127.0.0.1:8788"],
        ),
    ] = ""

    @property
    def address(self) -> tuple[str, int] | None:
        """Address and port of ``listen``; None where the admin API has no port of its own."""
        return address_of(self.listen)
