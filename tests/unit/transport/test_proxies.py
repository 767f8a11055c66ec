"""Proxy rules as the environment variables have them; nothing here connects."""

import pytest

from penstock.core.http import Origin
from penstock.core.secret import Secret
from penstock.transport.proxies import Proxy, ProxyRules


def test_a_proxy_with_credentials_that_do_not_show() -> None:
    proxy = Proxy.parse("http://us%65r:p%40ss@proxy.example.com:3128")
    assert (proxy.host, proxy.port) == ("proxy.example.com", 3128)
    assert proxy.authorization == Secret("Basic dXNlcjpwQHNz")
    assert "dXNlcjpwQHNz" not in repr(proxy)


@pytest.mark.parametrize(("text", "port"), [("proxy.example.com:3128", 3128), ("http://proxy.example.com", 80)])
def test_short_spellings(text: str, port: int) -> None:
    assert Proxy.parse(text) == Proxy("proxy.example.com", port)


@pytest.mark.parametrize(
    "text",
    [
        "socks5://user:secret@h:1",
        "https://user:secret@h",
        "http://",
        "http://user:secret@h:x",
        "http://user:secret/x@h",
        "http://h:99999",
    ],
)
def test_other_proxies_are_refused_without_telling_the_password(text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Proxy.parse(text)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("no_proxy", "host", "port", "direct"),
    [
        ("", "api.example.com", 443, False),
        ("*", "api.example.com", 443, True),
        ("api.example.com", "api.example.com", 443, True),
        ("example.com", "api.example.com", 443, True),
        (".example.com", "api.example.com", 443, True),
        ("*.example.com", "api.example.com", 443, True),
        ("ample.com", "api.example.com", 443, False),
        ("other.com, api.example.com", "api.example.com", 443, True),
        ("api.example.com:8443", "api.example.com", 443, False),
        ("api.example.com:443", "api.example.com", 443, True),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("2001:db8::1", "2001:db8::1", 443, True),
        ("[2001:db8::1]", "2001:db8::1", 443, True),
        ("[2001:db8::1]:443", "2001:db8::1", 443, True),
        ("[2001:db8::1]:80", "2001:db8::1", 443, False),
        ("", "localhost", 443, True),
        ("", "a.localhost", 443, True),
        ("", "127.0.0.2", 443, True),
        ("", "::1", 443, True),
        ("", "localhost.example.com", 443, False),
    ],
)
def test_exempt_hosts(no_proxy: str, host: str, port: int, direct: bool) -> None:
    rules = ProxyRules.parse(https="http://proxy:1", no_proxy=no_proxy)
    assert (rules.proxy_for(Origin("https", host, port)) is None) is direct


def test_each_scheme_has_its_own() -> None:
    rules = ProxyRules.parse(https="http://a:1", http="http://b:2")
    https, http = rules.proxy_for(Origin("https", "h", 1)), rules.proxy_for(Origin("http", "h", 1))
    assert https is not None
    assert http is not None
    assert (https.host, http.host) == ("a", "b")
    assert ProxyRules.parse().proxy_for(Origin("https", "h", 1)) is None
