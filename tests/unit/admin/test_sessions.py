"""Signing in over a socket: the cookie, forged changes, signing out, and what a revoked key leaves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from administering import ADMIN, RunningAdmin, running_admin
from penstock.settings.console import Console

PATH = "/penstock/session"


@pytest.fixture(scope="module")
def admin() -> Iterator[RunningAdmin]:
    with running_admin(console=Console(session_seconds=600)) as running:
        yield running


class Browser:
    """A browser that keeps a cookie, which the clients of these tests don't."""

    def __init__(self, admin: RunningAdmin, key: str = ADMIN) -> None:
        reply = admin.call("POST", PATH, key=key)
        assert reply.status == 200, reply.text
        self.session: dict[str, Any] = reply.body
        self.set_cookie = reply.headers["set-cookie"]
        self._url = admin.url
        self._cookie = self.set_cookie.partition(";")[0]

    def call(self, method: str, path: str, *, token: str | None = None, **headers: str) -> httpx.Response:
        fields = {"cookie": self._cookie, **headers}
        if token is not None:
            fields["x-penstock-csrf"] = token
        return httpx.request(method, f"{self._url}/v1{path}", headers=fields, timeout=300)


def test_the_cookie_and_who_is_signed_in(admin: RunningAdmin) -> None:
    browser = Browser(admin)
    assert browser.set_cookie.split("; ")[1:] == ["Path=/", "Max-Age=600", "HttpOnly", "SameSite=Strict"]
    told = browser.call("GET", PATH).json()
    assert told == browser.session
    assert told["scopes"] == ["*"]
    assert ADMIN not in str(told)


def test_the_admin_api_takes_the_cookie_and_changes_need_the_token(admin: RunningAdmin) -> None:
    browser = Browser(admin)
    assert browser.call("GET", "/api-keys").status_code == 200
    path = "/policies/usage-limits/none"
    assert browser.call("DELETE", path).status_code == 403
    assert browser.call("DELETE", path, token="wrong").status_code == 403
    assert browser.call("DELETE", path, token=browser.session["csrf_token"]).status_code == 404
    other = Browser(admin)
    assert browser.call("DELETE", path, token=other.session["csrf_token"]).status_code == 403


def test_pages_of_other_origins_are_strangers(admin: RunningAdmin) -> None:
    browser = Browser(admin)
    for site in ("same-site", "cross-site"):
        assert browser.call("GET", "/api-keys", **{"sec-fetch-site": site}).status_code == 401


def test_a_cookie_begins_no_session(admin: RunningAdmin) -> None:
    browser = Browser(admin)
    assert browser.call("POST", PATH).status_code == 403
    assert browser.call("POST", PATH, token=browser.session["csrf_token"]).status_code == 400


def test_signing_out_ends_the_session(admin: RunningAdmin) -> None:
    browser = Browser(admin)
    assert browser.call("DELETE", PATH).status_code == 403
    left = browser.call("DELETE", PATH, token=browser.session["csrf_token"])
    assert left.headers["set-cookie"].startswith("penstock_session=; Path=/; Max-Age=0")
    assert browser.call("GET", "/api-keys").status_code == 401


def test_a_session_has_the_scopes_of_its_key_and_ends_with_it(admin: RunningAdmin) -> None:
    made = admin.made("/api-keys/organisation/service", {"name": "reader", "scopes": ["workspaces.list"]})
    browser = Browser(admin, made["key"])
    assert (browser.session["id"], browser.session["name"]) == (made["id"], "reader")
    assert browser.call("GET", "/admin/workspaces").status_code == 200
    assert browser.call("GET", "/configs").status_code == 403
    assert admin.call("DELETE", f"/api-keys/{made['id']}").status == 200
    assert browser.call("GET", "/admin/workspaces").status_code == 401


def test_a_wrong_key_and_a_key_that_calls_models(admin: RunningAdmin) -> None:
    assert admin.call("POST", PATH, key="nope").status == 401
    made = admin.made("/api-keys/workspace/service", {"name": "bot", "scopes": ["completions.write"]})
    reply = admin.call("POST", PATH, key=made["key"])
    assert reply.status == 403
    assert "set-cookie" not in reply.headers


def test_a_key_in_a_header_has_no_token(admin: RunningAdmin) -> None:
    told = admin.call("GET", PATH).body
    assert (told["csrf_token"], told["expires_at"]) == (None, None)
    assert admin.call("DELETE", PATH).status == 200


def test_under_tls_the_cookie_is_secure() -> None:
    with running_admin(console=Console(), is_secure=True) as admin:
        assert Browser(admin).set_cookie.startswith("__Host-penstock_session=")
    with running_admin(console=Console(secure_cookie=True)) as admin:
        assert Browser(admin).set_cookie.endswith("; Secure")


def test_the_console_can_be_off() -> None:
    with running_admin(console=Console(enabled=False)) as admin:
        assert admin.call("POST", PATH).status == 501
        assert httpx.get(f"{admin.url}/console/", timeout=300).status_code == 401


def test_the_files_are_beside_the_api(admin: RunningAdmin) -> None:
    page = httpx.get(f"{admin.url}/console", follow_redirects=True, timeout=300)
    assert (page.status_code, str(page.url)) == (200, f"{admin.url}/console/")
    assert "script src" not in page.text
    assert httpx.get(f"{admin.url}/console/console.js", timeout=300).headers["content-encoding"] == "gzip"
