"""A setting read from text and written back as text."""

import pickle
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.settings import Settings, load
from penstock.settings.model import Cache, Echo, Providers, Routing, Security, Server, Upstream
from settings_sources import NOWHERE, in_file, problems


@pytest.mark.parametrize(
    ("text", "size"), [("100 MB", 100 << 20), ("64KiB", 64 << 10), ("1g", 1 << 30), ("7", 7), ("9 B", 9)]
)
def test_sizes_may_have_a_unit(tmp_path: Path, text: str, size: int) -> None:
    assert load({}, {"PENSTOCK_MAX_BODY_BYTES": text}, NOWHERE).server.max_body_bytes == size
    cwd = in_file(tmp_path, f"[server]\nmax_body_bytes = '{text}'")
    assert load({}, {}, cwd).server.max_body_bytes == size


@pytest.mark.parametrize("text", ["0", "0 MB", "-1", "1.5 MB", "MB", "1 XB", "9" * 99])
def test_sizes_that_are_none(text: str) -> None:
    assert problems({}, {"PENSTOCK_MAX_BODY_BYTES": text})


@pytest.mark.parametrize(("text", "value"), [("true", True), ("False", False), ("1", True), ("0", False)])
def test_switches_in_variables(text: str, value: bool) -> None:
    assert load({}, {"PENSTOCK_ACCESS_LOG": text}, NOWHERE).server.access_log is value


@pytest.mark.parametrize("text", ["a.lan, b.lan", '["a.lan", "b.lan"]', ' ["a.lan","b.lan"] '])
def test_a_list_in_a_variable(text: str) -> None:
    assert load({}, {"PENSTOCK_SECURITY_TRUSTED_HOSTS": text}, NOWHERE).security.trusted_hosts == ("a.lan", "b.lan")


@pytest.mark.parametrize("text", ['["a.lan", 2]', '["a.lan"', '["a.lan"], b.lan'])
def test_a_list_in_a_variable_that_is_none_of_texts(text: str) -> None:
    assert problems({}, {"PENSTOCK_SECURITY_TRUSTED_HOSTS": text})


def test_an_empty_variable_is_empty_text_or_list_and_otherwise_not_there(tmp_path: Path) -> None:
    cwd = in_file(tmp_path, "[server]\nport = 1\n[upstream]\nproxy = 'none'\n[security]\ntrusted_hosts = ['a.lan']")
    names = (
        "PENSTOCK_PORT",
        "PENSTOCK_UPSTREAM_PROXY",
        "PENSTOCK_SECURITY_TRUSTED_HOSTS",
        "PENSTOCK_PROVIDERS_ENV_KEYS",
    )
    settings = load({}, dict.fromkeys(names, ""), cwd)
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 1)
    assert settings.upstream.proxy == ""
    assert settings.security.trusted_hosts == ()
    assert settings.providers.env_keys is None


seconds = st.floats(0, 31_536_000)
counts = st.integers(0, 1 << 40)
texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
hosts = st.lists(st.text(string.ascii_letters + string.digits + "*.:-_", min_size=1)).map(tuple)
SERVERS = st.builds(
    Server, host=texts.filter(bool), port=st.integers(0, 65535), workers=st.integers(1, 99),
    log_level=st.sampled_from(["critical", "error", "warning", "info", "debug"]),
    max_body_bytes=st.integers(1, 1 << 40), body_timeout=seconds.filter(bool),
    shutdown_grace=st.integers(0, 31_536_000), keepalive=seconds, max_hops=st.integers(1, 99), access_log=st.booleans(),
)  # fmt: skip
UPSTREAMS = st.builds(
    Upstream, connect_timeout=seconds, first_byte_timeout=seconds, idle_timeout=seconds, total_timeout=seconds,
    max_connections=counts, max_idle_connections=counts, idle_connection_seconds=seconds,
    max_header_bytes=st.integers(1, 1 << 40), ca_file=st.just(""), client_cert=st.just(""), client_key=st.just(""),
    proxy=st.sampled_from(["", "none", "http://me:a,b c@proxy:3128"]),
)  # fmt: skip
SETTINGS = st.builds(
    Settings,
    SERVERS,
    UPSTREAMS,
    st.builds(Providers, st.none() | st.booleans()),
    st.builds(Security, st.none() | hosts),
    st.builds(Routing, texts, seconds),
    st.builds(Cache, counts, st.integers(1, 1 << 40), seconds, seconds),
    st.builds(Echo, st.integers(0, 3_600_000)),
)


@given(SETTINGS)
def test_settings_survive_the_way_to_a_worker(settings: Settings) -> None:
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 (our own bytes)


@pytest.mark.parametrize("name", ["PENSTOCK_PORT", "PENSTOCK_HOST", "PENSTOCK_TRUSTED_PROXIES", "PENSTOCK_IDS_SECRET"])
def test_a_variable_that_is_no_utf_8_is_refused(name: str) -> None:
    (problem,) = problems({}, {name: b"\xff".decode("utf-8", "surrogateescape")})
    assert problem.startswith(f"{name}: expected ")
    problem.encode()
