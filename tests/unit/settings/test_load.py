"""Where settings come from, which source wins, and what is said of a setting that can't be used."""

import string
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.address import LOOPBACK_NAMES
from penstock.settings import Settings, SettingsError, catalogue_file, config_file, load, to_environ
from penstock.settings.field import FIELDS
from penstock.settings.model import Cache, Echo, Providers, Routing, Security, Server, Upstream

NOWHERE = Path("/nonexistent")


def problems(
    flags: dict[str, str | None] | None = None, environ: dict[str, str] | None = None, cwd: Path = NOWHERE
) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(flags or {}, environ or {}, cwd)
    return list(caught.value.problems)


def in_file(tmp_path: Path, text: str) -> Path:
    (tmp_path / "penstock.toml").write_text(text)
    return tmp_path


def test_without_any_source_the_defaults_are_in_force() -> None:
    assert load({}, {}, NOWHERE) == Settings()


def test_each_source_wins_over_the_one_before(tmp_path: Path) -> None:
    cwd = in_file(tmp_path, "[server]\nhost = 'localhost'\nport = 1\nworkers = 2\nmax_hops = 3")
    environ = {"PENSTOCK_PORT": "4", "PENSTOCK_WORKERS": "5"}
    server = load({"workers": "6", "host": None}, environ, cwd).server
    assert (server.host, server.port, server.workers, server.max_hops) == ("localhost", 4, 6, 3)


def test_the_long_name_of_a_variable_wins_over_the_short_one() -> None:
    environ = {"PENSTOCK_SERVER_PORT": "1", "PENSTOCK_PORT": "2"}
    assert load({}, environ, NOWHERE).server.port == 1


def test_the_file_is_named_by_flag_then_variable_then_habit(tmp_path: Path) -> None:
    cwd = in_file(tmp_path, "[echo]\npace_ms = 1")
    (tmp_path / "two.toml").write_text("[echo]\npace_ms = 2")
    (tmp_path / "three.toml").write_text("[echo]\npace_ms = 3")
    environ = {"PENSTOCK_CONFIG": "two.toml"}
    assert load({}, {}, cwd).echo.pace_ms == 1
    assert load({}, environ, cwd).echo.pace_ms == 2
    assert load({"config": str(tmp_path / "three.toml")}, environ, cwd).echo.pace_ms == 3
    assert config_file({}, {}, cwd) == tmp_path / "penstock.toml"
    assert config_file({}, {}, NOWHERE) is None


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


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    cwd = in_file(
        tmp_path,
        """
        prot = 1
        echo = 2
        [sever]
        host = "x"
        [server]
        prot = 3
        port = "eighty"
        workers = 0
        access_log = 1
        log_level = "loud"
        [upstream]
        idle_timeout = -1.5
        connect_timeout = nan
        [security]
        trusted_hosts = ["a b"]
        """,
    )
    environ = {"PENSTOCK_PORT": "70000", "PENSTOCK_HOOST": "x", "OTHER": "x"}
    assert problems({"workers": "many"}, environ, cwd) == [
        "unknown setting prot in penstock.toml: did you mean server.port?",
        "echo in penstock.toml: expected a section, [echo]",
        "unknown section [sever] in penstock.toml: did you mean [server]?",
        "unknown setting server.prot in penstock.toml: did you mean server.port?",
        'server.port in penstock.toml: expected a whole number from 0 to 65535, found "eighty"',
        "server.workers in penstock.toml: expected a whole number from 1 to 1024, found 0",
        "server.access_log in penstock.toml: expected true or false, found 1",
        'server.log_level in penstock.toml: expected one of critical, error, warning, info, debug, found "loud"',
        "upstream.idle_timeout in penstock.toml: expected a number of seconds from 0 to a year, found -1.5",
        "upstream.connect_timeout in penstock.toml: expected a number of seconds from 0 to a year, found nan",
        'security.trusted_hosts in penstock.toml: expected a list of hosts, found ["a b"]',
        'PENSTOCK_PORT: expected a whole number from 0 to 65535, found "70000"',
        "unknown variable PENSTOCK_HOOST: did you mean PENSTOCK_HOST?",
        '--workers: expected a whole number from 1 to 1024, found "many"',
    ]


def test_what_resembles_nothing_is_sent_to_the_documentation(tmp_path: Path) -> None:
    assert problems(cwd=in_file(tmp_path, "[server]\nzzz = 1")) == [
        "unknown setting server.zzz in penstock.toml: docs/settings.md lists all there are"
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[server]\nport 1", "penstock.toml is not valid TOML: Expected '=' after a key"),
        (b"[server]\nport 1", "line 2"),
        (b"\xff", "penstock.toml is not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_toml(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "penstock.toml").write_bytes(content)
    [problem] = problems(cwd=tmp_path)
    assert said in problem


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    assert problems({"config": "mine.toml"}, cwd=tmp_path) == ["mine.toml can't be read: No such file or directory"]
    assert problems({}, {"PENSTOCK_CONFIG": "mine.toml"}, tmp_path) == [
        "mine.toml can't be read: No such file or directory"
    ]


def test_long_values_are_cut_in_messages() -> None:
    [problem] = problems({"port": "9" * 5000})
    assert len(problem) < 150


def test_a_proxys_password_is_not_told(tmp_path: Path) -> None:
    assert "hunter2" not in str(problems({}, {"PENSTOCK_UPSTREAM_PROXY": "socks5://me:hunter2@proxy:1080"}))
    cwd = in_file(tmp_path, "[upstream]\nproxy = ['http://me:hunter2@proxy']")
    assert problems(cwd=cwd) == ["upstream.proxy in penstock.toml: expected text, found something else"]


@pytest.mark.parametrize("proxy", ["", "none", "http://proxy:3128", "http://me:secret@proxy:3128", "http://[::1]:1"])
def test_proxies_that_can_be_used(proxy: str) -> None:
    assert load({}, {"PENSTOCK_UPSTREAM_PROXY": proxy}, NOWHERE).upstream.proxy == proxy


@pytest.mark.parametrize("proxy", ["proxy", "https://proxy", "http://", "http://proxy:99999", "http://[::1"])
def test_proxies_that_can_not(proxy: str) -> None:
    assert problems({}, {"PENSTOCK_UPSTREAM_PROXY": proxy})


def test_files_must_exist_and_a_key_needs_its_certificate(tmp_path: Path) -> None:
    (tmp_path / "key.pem").touch()
    environ = {"PENSTOCK_UPSTREAM_CA_FILE": "ca.pem", "PENSTOCK_UPSTREAM_CLIENT_KEY": "key.pem"}
    assert problems({}, environ, tmp_path) == [
        "upstream.ca_file: there is no file ca.pem",
        "upstream.client_key is of no use without upstream.client_cert",
    ]


def test_a_network_must_be_one() -> None:
    assert problems({}, {"PENSTOCK_SECURITY_TRUSTED_HOSTS": "10.0.0.0/99"}) == [
        "security.trusted_hosts: 10.0.0.0/99 is no network, such as 10.1.0.0/16"
    ]


def test_variables_that_kubernetes_sets_for_a_service_of_this_name_are_not_ours() -> None:
    environ = {
        "PENSTOCK_SERVICE_HOST": "10.0.0.1",
        "PENSTOCK_SERVICE_PORT": "80",
        "PENSTOCK_SERVICE_PORT_HTTP": "80",
        "PENSTOCK_PORT": "tcp://10.0.0.1:80",
        "PENSTOCK_PORT_80_TCP": "tcp://10.0.0.1:80",
        "PENSTOCK_PORT_80_TCP_ADDR": "10.0.0.1",
    }
    assert load({}, environ, NOWHERE) == Settings()


def test_portkeys_variable_for_trusted_hosts_is_understood() -> None:
    environ = {"TRUSTED_CUSTOM_HOSTS": "VLLM.internal, *.gpu.lan ,[fd00::1]"}
    assert load({}, environ, NOWHERE).trusted_hosts == ("vllm.internal", "*.gpu.lan", "fd00::1")
    environ["PENSTOCK_SECURITY_TRUSTED_HOSTS"] = "a.lan"
    assert load({}, environ, NOWHERE).trusted_hosts == ("a.lan",)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True),
        ("0.0.0.0", False), ("::", False), ("192.0.2.1", False), ("gateway.example", False),
    ],
)  # fmt: skip
def test_what_is_open_on_loopback_is_closed_elsewhere(host: str, loopback: bool) -> None:
    settings = Settings(Server(host=host))
    assert settings.is_loopback is loopback
    assert settings.lends_keys is loopback
    assert settings.trusted_hosts == (LOOPBACK_NAMES if loopback else ())


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_operator_decides_against_the_habit(host: str) -> None:
    for lends in (True, False):
        settings = Settings(Server(host=host), providers=Providers(lends), security=Security(("a.lan",)))
        assert settings.lends_keys is lends
        assert settings.trusted_hosts == ("a.lan",)


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_is_explained_and_its_default_fits(name: str) -> None:
    field = FIELDS[name]
    assert field.description.endswith(".")
    assert field.expected
    if field.default is not None:
        assert field.read(field.default) == field.default
        assert field.read_text(field.write(field.default)) == field.default


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
def test_settings_survive_the_way_through_the_environment(settings: Settings) -> None:
    environ = to_environ(settings)
    assert all(isinstance(text, str) for text in environ.values())
    assert load({}, environ, NOWHERE) == settings


def test_a_worker_sees_no_file_and_no_shorter_variable(tmp_path: Path) -> None:
    cwd = in_file(tmp_path, "[server]\nport = 1\n[providers]\nenv_keys = true\n[security]\ntrusted_hosts = ['a.lan']")
    settings = Settings(Server(port=2))
    assert load({}, {"PENSTOCK_PORT": "3", **to_environ(settings)}, cwd) == settings


def test_the_cache_can_be_turned_off() -> None:
    assert load({}, {"PENSTOCK_CACHE_MAX_BYTES": "0 MB"}, NOWHERE).cache.max_bytes == 0


def test_virtual_keys_configs_and_gateway_keys_are_no_settings(tmp_path: Path) -> None:
    cwd = in_file(tmp_path, "[virtual_keys.a]\nanything = 1\n[configs.b]\n[keys.c]")
    assert load({}, {}, cwd) == Settings()


def test_slips_in_the_names_of_their_sections(tmp_path: Path) -> None:
    assert problems(cwd=in_file(tmp_path, "keys = 1\n[virtual_key.x]\n[config.y]")) == [
        "keys in penstock.toml: expected sections, [keys.NAME]",
        "unknown section [virtual_key] in penstock.toml: did you mean [virtual_keys]?",
        "unknown section [config] in penstock.toml: did you mean [configs]?",
    ]
    assert problems({}, {"PENSTOCK_CATALOG": "x"}) == [
        "unknown variable PENSTOCK_CATALOG: did you mean PENSTOCK_CATALOGUE?"
    ]


def test_the_catalogue_is_in_the_file_of_the_settings(tmp_path: Path) -> None:
    cwd = in_file(tmp_path, "")
    assert catalogue_file({}, {}, cwd) == tmp_path / "penstock.toml"
    assert catalogue_file({"config": "a.toml"}, {}, cwd) == tmp_path / "a.toml"
    assert catalogue_file({}, {"PENSTOCK_CATALOGUE": ""}, cwd) == tmp_path / "penstock.toml"
    assert catalogue_file({}, {}, NOWHERE) is None


def test_a_worker_reads_the_catalogue_that_its_parent_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(in_file(tmp_path, ""))
    (tmp_path / "link.toml").symlink_to(tmp_path / "penstock.toml")
    environ = to_environ(Settings(), Path("link.toml"))
    assert catalogue_file({}, environ, NOWHERE) == tmp_path / "link.toml"
    assert load({}, environ, NOWHERE) == Settings()
    assert catalogue_file({}, to_environ(Settings()), tmp_path) is None


def test_settings_are_frozen() -> None:
    settings: Any = Settings()
    with pytest.raises(AttributeError):
        settings.server.port = 1
    assert msgspec.structs.replace(settings.server, port=1).port == 1
