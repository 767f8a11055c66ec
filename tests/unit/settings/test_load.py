"""Where settings come from, which source wins, and what is said of a setting that can't be used."""

import os
from pathlib import Path

import pytest

from penstock.settings import (
    Settings,
    SettingsError,
    catalogue_file,
    config_file,
    database_had_keys,
    load,
    must_be_guarded,
    refuse_open,
)
from penstock.settings.load import section_problems
from penstock.settings.model import Server
from settings_sources import NOWHERE, in_file, problems


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


@pytest.mark.parametrize("proxy", ["10.0.0.0/99", "::1/200", "1.2.3", "cafe"])
def test_a_trusted_proxy_is_an_address_or_a_network(proxy: str) -> None:
    assert problems({}, {"PENSTOCK_TRUSTED_PROXIES": f"10.0.0.1, {proxy}"}) == [
        f"server.trusted_proxies: {proxy} is no address and no network, such as 10.0.0.0/8"
    ]


@pytest.mark.parametrize("proxy", ["proxy.internal", "*", "10.0.0.1:80, x"])
def test_a_trusted_proxy_is_no_name(proxy: str) -> None:
    [problem] = problems({}, {"PENSTOCK_TRUSTED_PROXIES": proxy})
    assert problem.startswith("PENSTOCK_TRUSTED_PROXIES: expected a list of addresses and networks, found ")


def test_virtual_keys_configs_and_gateway_keys_are_no_settings(tmp_path: Path) -> None:
    cwd = in_file(tmp_path, "[virtual_keys.a]\nanything = 1\n[configs.b]\n[keys.c]")
    assert load({}, {}, cwd) == Settings()


def test_slips_in_the_names_of_their_sections(tmp_path: Path) -> None:
    assert problems(cwd=in_file(tmp_path, "keys = 1\n[virtual_key.x]\n[config.y]")) == [
        "keys in penstock.toml: expected sections, [keys.NAME]",
        "unknown section [virtual_key] in penstock.toml: did you mean [virtual_keys]?",
        "unknown section [config] in penstock.toml: did you mean [configs]?",
    ]


def test_the_catalogue_is_in_the_file_of_the_settings(tmp_path: Path) -> None:
    cwd = in_file(tmp_path, "")
    assert catalogue_file({}, {}, cwd) == tmp_path / "penstock.toml"
    assert catalogue_file({"config": "a.toml"}, {}, cwd) == tmp_path / "a.toml"
    assert catalogue_file({}, {}, NOWHERE) is None
    assert catalogue_file({}, {"PENSTOCK_CONFIG": os.devnull}, cwd) is None


@pytest.mark.parametrize(
    ("host", "is_guarded", "is_open", "starts"),
    [
        ("127.0.0.1", False, False, True),
        ("localhost", False, False, True),
        ("0.0.0.0", False, False, False),
        ("::", False, False, False),
        ("192.0.2.1", False, False, False),
        ("gateway.example", False, False, False),
        ("0.0.0.0", True, False, True),
        ("0.0.0.0", False, True, True),
    ],
)
def test_nobody_is_let_in_by_accident(host: str, is_guarded: bool, is_open: bool, starts: bool) -> None:
    settings = Settings(Server(host=host, open=is_open))
    if starts:
        refuse_open(settings, is_guarded=is_guarded)
        return
    with pytest.raises(SettingsError, match=r"penstock key make NAME .*PENSTOCK_OPEN=true"):
        refuse_open(settings, is_guarded=is_guarded)


def test_open_is_said_by_file_or_variable(tmp_path: Path) -> None:
    assert load({}, {"PENSTOCK_OPEN": "true"}, NOWHERE).server.open
    assert load({}, {}, in_file(tmp_path, "[server]\nopen = true")).server.open
    assert problems({}, {"PENSTOCK_OPEN": "perhaps"})


def test_only_the_supervisor_says_that_keys_were_there() -> None:
    assert must_be_guarded({"PENSTOCK_GUARDED": "file"})
    assert must_be_guarded({"PENSTOCK_GUARDED": "database"})
    assert not must_be_guarded({})
    assert database_had_keys({"PENSTOCK_GUARDED": "database"})
    assert not database_had_keys({"PENSTOCK_GUARDED": "file"})
    assert load({}, {"PENSTOCK_GUARDED": "database"}, NOWHERE) == Settings()


def test_a_file_that_changed_is_judged_as_at_the_start() -> None:
    sections = {"keyz": {"a": {}}, "server": {"port": "x", "hots": 1, "host": "localhost"}, "prot": 1, "keys": {}}
    assert list(section_problems(sections, " in penstock.toml")) == [
        "unknown section [keyz] in penstock.toml: did you mean [keys]?",
        'server.port in penstock.toml: expected a whole number from 0 to 65535, found "x"',
        "unknown setting server.hots in penstock.toml: did you mean server.host?",
        "unknown setting prot in penstock.toml: did you mean server.port?",
    ]


def test_origins_of_pages() -> None:
    environ = {"PENSTOCK_CORS_ORIGINS": "http://localhost:3000, vscode-webview://a,*"}
    assert load({}, environ, NOWHERE).server.cors_origins == ("http://localhost:3000", "vscode-webview://a", "*")
    for origin in ("localhost", "http://a/b", "null", "http://"):
        assert problems({}, {"PENSTOCK_CORS_ORIGINS": origin})
