"""What a request shows: a key wins over the cookie, and a change with a cookie needs the session's token."""

import pytest

from penstock.admin.presented import Presented, presented
from penstock.control.refusal import Refusal, Why
from penstock.control.sessions import csrf_token

SESSION = "penstock_session_abc"
COOKIE = f"penstock_session={SESSION}"


@pytest.mark.parametrize(
    ("headers", "text", "is_session"),
    [
        ({"x-portkey-api-key": " k "}, "k", False),
        ({"authorization": "Bearer k"}, "k", False),
        ({"authorization": "Basic k", "cookie": COOKIE}, SESSION, True),
        ({"x-portkey-api-key": "k", "cookie": COOKIE}, "k", False),
        ({"x-portkey-api-key": "", "cookie": COOKIE}, SESSION, True),
        ({"cookie": COOKIE, "sec-fetch-site": "same-site"}, "", False),
        ({}, "", False),
    ],
)
def test_a_key_wins_over_the_cookie(headers: dict[str, str], text: str, is_session: bool) -> None:
    assert presented(headers) == Presented(text, is_session)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("token", ["", "0", csrf_token("penstock_session_other"), "\ud800"])
def test_a_change_with_a_cookie_needs_the_token_of_its_session(method: str, token: str) -> None:
    shown = Presented(SESSION, is_session=True)
    shown.check_forgery("GET", {})
    shown.check_forgery(method, {"x-penstock-csrf": csrf_token(SESSION)})
    with pytest.raises(Refusal) as refused:
        shown.check_forgery(method, {"x-penstock-csrf": token})
    assert refused.value.why is Why.FORBIDDEN


def test_a_key_needs_no_token() -> None:
    Presented("k").check_forgery("DELETE", {})
