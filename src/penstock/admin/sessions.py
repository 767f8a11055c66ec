"""``/penstock/session``: signing in to the console with a key, who is signed in, signing out."""

from __future__ import annotations

from typing import Any, Final

from penstock import __version__
from penstock.admin.answer import Answer
from penstock.admin.presented import presented
from penstock.admin.route import AdminCall, AdminRoute
from penstock.control import sessions
from penstock.control.refusal import Refusal, Why
from penstock.control.timestamps import as_text
from penstock.core.session_cookie import set_cookie
from penstock.settings.console import Console
from penstock.stores.catalogue import key_digest

PATH: Final = "/penstock/session"


class SessionRoutes:
    """The routes. ``is_secure``: browsers reach the gateway by TLS; ``has_gateway``: models are called on this port,
    too, and not on another one alone."""

    def __init__(self, settings: Console, *, is_secure: bool, has_gateway: bool = True) -> None:
        self._seconds = settings.session_seconds
        self._is_secure = is_secure or settings.secure_cookie
        self._has_gateway = has_gateway

    @property
    def routes(self) -> tuple[AdminRoute, ...]:
        return (
            AdminRoute("POST", PATH, (), self._begin),
            AdminRoute("GET", PATH, (), self._read),
            AdminRoute("DELETE", PATH, (), self._end),
        )

    async def _begin(self, call: AdminCall) -> Answer:
        key = presented(call.headers)
        if key.is_session:
            raise Refusal(Why.INVALID, "sign in with a key in x-portkey-api-key, or sign out first")
        session = await sessions.begin(call.plane, call.actor, key_digest(key.text), self._seconds)
        cookie = set_cookie(session.text, self._seconds, secure=self._is_secure)
        return Answer(await self._told(call, session.text), headers={"set-cookie": cookie})

    async def _read(self, call: AdminCall) -> Answer:
        shown = presented(call.headers)
        return Answer(await self._told(call, shown.text if shown.is_session else ""))

    async def _end(self, call: AdminCall) -> Answer:
        shown = presented(call.headers)
        if shown.is_session:
            await sessions.end(call.plane, call.actor, shown.text)
        return Answer({}, headers={"set-cookie": set_cookie("", 0, secure=self._is_secure)})

    async def _told(self, call: AdminCall, session: str) -> dict[str, Any]:
        """Who is signed in, what for, and until when; without a session there is no token and no end."""
        actor, plane = call.actor, call.plane
        expires_at = await sessions.expiry_of(plane, session) if session else None
        return {
            "object": "session",
            "csrf_token": sessions.csrf_token(session) if session else None,
            "expires_at": None if expires_at is None else as_text(expires_at),
            "id": actor.id,
            "name": await sessions.name_of(plane, actor),
            "kind": actor.kind,
            "scopes": sorted(actor.scopes),
            "workspace_id": actor.workspace_id,
            "version": __version__,
            "has_gateway": self._has_gateway,
            "keeps_secrets": not plane.keyring.is_empty,
        }
