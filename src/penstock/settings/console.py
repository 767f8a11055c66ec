"""The settings of the console."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from penstock.settings.kinds import Switch

_LONGEST = 30 * 86_400


class Console(Struct, frozen=True):
    """The console in a browser: docs/console.md."""

    enabled: Annotated[
        Switch,
        Meta(
            description="Serve the console at `/console`, on the port of the admin API, and let browsers sign in there "
            "with an admin key.",
        ),
    ] = True
    session_seconds: Annotated[
        int,
        Meta(
            ge=60,
            le=_LONGEST,
            title="a whole number of seconds from 60 to 30 days",
            description="How long somebody stays signed in.",
            extra={"unit": "s"},
        ),
    ] = 43_200
    secure_cookie: Annotated[
        Switch,
        Meta(
            description="Have browsers send the console's cookie over TLS only, also where not the gateway but a proxy "
            "before it serves TLS. With `server.tls_cert` they always do.",
        ),
    ] = False
