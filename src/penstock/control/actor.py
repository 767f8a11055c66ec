"""Who asks the control plane for something, and through which request: what the audit log tells of a change."""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.control.refusal import Refusal, Why
from penstock.control.scopes import EVERY, allows


class Origin(msgspec.Struct, frozen=True):
    """The request behind a change: empty for the command line."""

    request_id: str = ""
    method: str = ""
    path: str = ""
    query: str = ""
    address: str | None = None


class IdempotencyKey(msgspec.Struct, frozen=True):
    """An idempotency key: its digest, bound to the key of the caller, and the digest of the request's body."""

    digest: bytes
    body: bytes
    expires_at: int


class Actor(msgspec.Struct, frozen=True):
    """Who asks. ``kind`` is ``api_key``, ``environment`` (PENSTOCK_ADMIN_KEY), ``cli``, ``schedule`` (rotations
    of keys) or ``file``.

    ``workspace_id`` is the one workspace that the actor sees; None: all of them.
    """

    kind: str
    id: str
    scopes: frozenset[str] = frozenset()
    workspace_id: str | None = None
    origin: Origin = Origin()
    idempotency_key: IdempotencyKey | None = None

    @property
    def name(self) -> str:
        """What ``created_by`` and ``updated_by`` hold."""
        return self.id if self.kind == "api_key" else self.kind

    @property
    def is_of_organisation(self) -> bool:
        return self.workspace_id is None

    def may(self, *scopes: str) -> bool:
        """Whether the actor holds at least one of some scopes; with no scope named, everybody may."""
        return not scopes or any(allows(self.scopes, scope) for scope in scopes)

    def require(self, *scopes: str) -> None:
        """Raise Refusal unless the actor holds at least one of some scopes."""
        if not self.may(*scopes):
            raise Refusal(Why.FORBIDDEN, f"this needs a key with the scope {' or '.join(scopes)}")


CLI: Final = Actor("cli", "cli", frozenset({EVERY}))
"""Who works on the database's own machine, on the command line."""
