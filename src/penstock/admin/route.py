"""A route of the admin API as a row of a table, and a call of it as its handler sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from penstock.admin.answer import Answer
from penstock.control.actor import Actor
from penstock.control.plane import ControlPlane


class AdminCall(msgspec.Struct, frozen=True):
    """One authorised call. ``path`` are the arguments of the path, ``query`` the values of the query by their names in
    snake_case, ``body`` is what the JSON of the body says: an empty object without a body."""

    plane: ControlPlane
    actor: Actor
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    headers: Mapping[str, str]

    @property
    def is_forced(self) -> bool:
        """Whether the query says ``force=true``."""
        return self.query.get("force", "").lower() in {"true", "1"}


Handler = Callable[[AdminCall], Awaitable[Answer]]


class AdminRoute(msgspec.Struct, frozen=True):
    """``path`` stands after ``/v1``, with arguments in braces. The caller needs one of ``scopes``; an empty tuple is
    for handlers that look at the scopes themselves. A route with ``is_public`` needs no key."""

    method: str
    path: str
    scopes: tuple[str, ...]
    handler: Handler
    is_public: bool = False
