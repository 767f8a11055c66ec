"""The console's cookie: which requests may use it, and how it is set."""

import pytest

from penstock.core.session_cookie import session_of, set_cookie

SESSION = "penstock_session_abc"


@pytest.mark.parametrize("site", ["", "same-origin", "none", " Same-Origin "])
def test_the_session_of_a_request_of_the_console_s_own_pages(site: str) -> None:
    assert session_of(f"a=b; penstock_session={SESSION}; c=d", site) == SESSION


def test_the_name_under_tls() -> None:
    assert session_of(f"__Host-penstock_session={SESSION}") == SESSION


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_pages_of_other_origins_have_none(site: str) -> None:
    """SameSite=Strict lets in http://localhost:3000, which is of the same site."""
    assert session_of(f"penstock_session={SESSION}", site) == ""


@pytest.mark.parametrize(
    "cookies", ["", "penstock_session=", "penstock_session=penstock_admin_x", f"other={SESSION}", SESSION]
)
def test_what_is_no_session(cookies: str) -> None:
    assert session_of(cookies) == ""


def test_the_attributes() -> None:
    plain = set_cookie(SESSION, 60, secure=False)
    assert plain == f"penstock_session={SESSION}; Path=/; Max-Age=60; HttpOnly; SameSite=Strict"
    secure = set_cookie(SESSION, 60, secure=True)
    assert secure.startswith("__Host-penstock_session=")
    assert secure.endswith("; Secure")
