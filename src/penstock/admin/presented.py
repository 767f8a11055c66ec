"""What a request of the admin API shows of its caller: a key in a header, else the session of the console's cookie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from penstock.control.refusal import Refusal, Why
from penstock.control.sessions import has_csrf_token
from penstock.core.session_cookie import CSRF_HEADER, session_of

_LONGEST: Final = 4096
_SAFE: Final = frozenset({"GET", "HEAD"})


class Presented(msgspec.Struct, frozen=True):
    """``text`` is the key, or the session's text; empty where the request shows neither."""

    text: str
    is_session: bool = False

    def check_forgery(self, method: str, headers: Mapping[str, str]) -> None:
        """Raises Refusal for a change with a cookie that does not show the session's CSRF token: a browser adds the
        cookie to requests that no page of the console made."""
        if self.is_session and method not in _SAFE and not has_csrf_token(self.text, headers.get(CSRF_HEADER, "")):
            raise Refusal(Why.FORBIDDEN, f"a change with a session's cookie needs the session's token in {CSRF_HEADER}")


def presented(headers: Mapping[str, str]) -> Presented:
    """x-portkey-api-key, else a bearer token, else the session's cookie."""
    key = headers.get("x-portkey-api-key")
    if key is None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        key = token if scheme.lower() == "bearer" else ""
    key = key.strip()[:_LONGEST]
    if key:
        return Presented(key)
    session = session_of(headers.get("cookie", ""), headers.get("sec-fetch-site", ""))
    return Presented(session[:_LONGEST], is_session=bool(session))
