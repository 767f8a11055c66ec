"""Settings of sessions over WebSocket."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from penstock.settings.kinds import Bytes, Number, Seconds


class Realtime(Struct, frozen=True):
    """Sessions of the Realtime API, over WebSocket."""

    session_seconds: Annotated[
        Seconds, Meta(description="Longest time of a session; then it is closed. 0 sets no limit.")
    ] = 3600.0
    idle_seconds: Annotated[
        Seconds, Meta(description="Longest time in which neither side says anything; 0 sets no limit.")
    ] = 600.0
    ping_seconds: Annotated[
        Seconds,
        Meta(
            description="A side that is silent for so long is asked for a sign of life, and counts as gone without one "
            "in the same time again; 0 never asks."
        ),
    ] = 20.0
    max_message_bytes: Annotated[Bytes, Meta(description="Largest message of either side.")] = 16 << 20
    max_sessions: Annotated[
        Number, Meta(description="Sessions at a time in each process for one gateway key; 0 sets no limit.")
    ] = 100
