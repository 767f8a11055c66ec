"""The cookie of the console's session: its names, and when a request may use it.

Sources: RFC 6265bis (``__Host-``, ``SameSite``), https://www.w3.org/TR/fetch-metadata/.
"""

from __future__ import annotations

from typing import Final

CONSOLE: Final = "/console"
"""The path below which the console's files are."""
NAME: Final = "penstock_session"
_SECURE_NAME: Final = f"__Host-{NAME}"
"""The name under TLS: browsers take such a cookie over TLS alone, and from no other host."""
PREFIX: Final = "penstock_session_"
"""How the text of a session begins."""
CSRF_HEADER: Final = "x-penstock-csrf"
_OWN: Final = frozenset({"", "same-origin", "none"})
"""Values of ``sec-fetch-site``: absent, a page of this origin, the address bar."""


def session_of(cookies: str, fetch_site: str = "") -> str:
    """The session's text in a Cookie header; empty without one, and for a request of a page of another origin.

    ``fetch_site`` is the value of ``sec-fetch-site``: SameSite lets in pages of other ports of the same host.
    """
    if fetch_site.strip().lower() not in _OWN:
        return ""
    for pair in cookies.split(";"):
        name, _, value = pair.strip().partition("=")
        if name in {NAME, _SECURE_NAME} and value.startswith(PREFIX):
            return value
    return ""


def set_cookie(text: str, seconds: int, *, secure: bool) -> str:
    """The value of Set-Cookie that begins a session; no text and 0 seconds end it."""
    name, attributes = (_SECURE_NAME, "; Secure") if secure else (NAME, "")
    return f"{name}={text}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{attributes}"
