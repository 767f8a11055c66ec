"""What the gateway reads and writes in sessions over WebSocket of one wire."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from penstock.core.failure import Failure
from penstock.core.usage import Usage


class SessionEvents(msgspec.Struct, frozen=True):
    """Events of a session over WebSocket, each a JSON text. ``used_by``: an event of the provider's -> what it tells of
    usage. ``models_in``: an event of the caller's -> the models that it names, None if it can't be read. ``error``: a
    failure and the trace -> the event that tells it, empty in a wire without one. ``model_of``: an event of the
    caller's -> the model that it asks, empty where it names none, None for an event that asks none; None in a wire
    where the request names the session's model. ``asks_again``: not only the first event that asks may name one."""

    used_by: Callable[[bytes], Usage | None]
    models_in: Callable[[bytes], list[str] | None]
    error: Callable[[Failure, str], bytes]
    model_of: Callable[[bytes], str | None] | None = None
    asks_again: bool = False
