"""What penstock.toml may hold of virtual keys, configs and gateway keys, and what is said of what it may not."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generators.settings import example_file
from penstock.core.secret import Secret
from penstock.stores.catalogue import EMPTY, Catalogue, GatewayKey, VirtualKey, digest_of
from penstock.stores.config_definitions import Check
from penstock.stores.definition import CatalogueError
from penstock.stores.reading import Reading, read

PROVIDERS = ("openai", "azure-openai", "echo")
HASH = digest_of("pk-a")


def catalogue(
    folder: Path, text: str, environ: Mapping[str, str] | None = None, check: Check | None = None
) -> Catalogue:
    (folder / "penstock.toml").write_text(text, "utf-8")
    return read(folder / "penstock.toml", environ or {}, PROVIDERS, check)


def problems(
    folder: Path, text: str, environ: Mapping[str, str] | None = None, check: Check | None = None
) -> tuple[str, ...]:
    with pytest.raises(CatalogueError) as caught:
        catalogue(folder, text, environ, check)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def config(folder: Path, text: str) -> Any:
    return msgspec.json.decode(catalogue(folder, text).configs["prod"].body)


def test_a_file_without_the_three_sections(tmp_path: Path) -> None:
    assert catalogue(tmp_path, "[server]\nport = 1") == EMPTY


def test_a_virtual_key(tmp_path: Path) -> None:
    text = """
        [virtual_keys.azure-eu]
        provider = "azure-openai"
        credential = "env:AZURE_KEY"
        base_url = "https://eu.example/v1"
        models = ["gpt-4o*", "o3"]
        default_params = { temperature = 0.20, stop = ["a"] }
        azure_resource_name = "my-resource"
        retries = 3
        strict = true
        [virtual_keys.bare]
        provider = "echo"
    """
    found = catalogue(tmp_path, text, {"AZURE_KEY": " k1\n"})
    assert found.virtual_keys == {
        "azure-eu": VirtualKey(
            "azure-eu",
            "azure-openai",
            Secret("k1"),
            "https://eu.example/v1",
            ("gpt-4o*", "o3"),
            {"temperature": b"0.2", "stop": b'["a"]'},
            {"azure_resource_name": "my-resource", "retries": "3", "strict": "true"},
        ),
        "bare": VirtualKey("bare", "echo"),
    }


def test_what_can_be_wrong_with_a_virtual_key(tmp_path: Path) -> None:
    text = """
        [virtual_keys]
        "a b" = "text"
        [virtual_keys.a]
        provider = "opnai"
        credental = "env:A"
        base_url = "llm.example"
        models = "gpt-4o"
        default_params = ["temperature"]
        azure-region = "eu"
        zone = ["eu"]
        [virtual_keys.b]
        credential = 3
        models = [1]
        base_url = "http://[::1"
        [virtual_keys.c]
        provider = "zzz"
        base_url = ""
    """
    name_wanted = "a name has letters, digits, dots, dashes and underscores, and begins with a letter or digit"
    assert problems(tmp_path, text) == (
        f"virtual_keys.a b in penstock.toml: {name_wanted}",
        "virtual_keys.a b in penstock.toml: expected a section, [virtual_keys.a b]",
        "virtual_keys.a.provider in penstock.toml: there is no provider opnai: did you mean openai?",
        "virtual_keys.a.base_url in penstock.toml: expected a URL such as https://llm.example/v1",
        "virtual_keys.a.models in penstock.toml: expected a list of texts",
        "virtual_keys.a.default_params in penstock.toml: expected parameters, such as { temperature = 0.2 }",
        "virtual_keys.a.credental in penstock.toml: did you mean credential?",
        "virtual_keys.a.azure-region in penstock.toml: a provider's setting is written with underscores: azure_region",
        "virtual_keys.a.zone in penstock.toml: expected text, a number, true or false",
        "virtual_keys.b.provider in penstock.toml: missing: a virtual key belongs to a provider",
        "virtual_keys.b.base_url in penstock.toml: expected a URL such as https://llm.example/v1",
        "virtual_keys.b.credential in penstock.toml: expected text",
        "virtual_keys.b.models in penstock.toml: expected a list of texts",
        "virtual_keys.c.provider in penstock.toml: there is no provider zzz: penstock providers lists all",
        "virtual_keys.c.base_url in penstock.toml: expected text",
    )


def credential(folder: Path, reference: str, environ: Mapping[str, str] | None = None) -> Secret | None:
    text = f'[virtual_keys.a]\nprovider = "openai"\ncredential = "{reference}"'
    return catalogue(folder, text, environ).virtual_keys["a"].credential


def refused(folder: Path, reference: str, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(CatalogueError) as caught:
        credential(folder, reference, environ)
    [problem] = caught.value.problems
    return problem.removeprefix("virtual_keys.a.credential in penstock.toml: ")


def test_a_credential_in_a_file_is_its_first_line(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "openai").write_bytes(b" sk-1 \r\nsecond line")
    assert credential(tmp_path, "file:keys/openai") == Secret("sk-1")
    assert credential(tmp_path, f"file:{tmp_path}/keys/openai") == Secret("sk-1")


@pytest.mark.parametrize("content", [b"", b"\nsk-1", b" \n"])
def test_a_file_without_a_credential(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    assert refused(tmp_path, "file:key") == "the first line of key is empty"


def test_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    assert refused(tmp_path, "file:key") == "key can't be read: No such file or directory"
    (tmp_path / "key").write_bytes(b"\xff")
    assert refused(tmp_path, "file:key") == "key is not UTF-8 text"
    assert refused(tmp_path, "file:k\\u0000") == "k\0 is not UTF-8 text"


@pytest.mark.parametrize("environ", [{}, {"OPENAI_KEY": ""}, {"OPENAI_KEY": " "}])
def test_a_variable_that_is_not_set(tmp_path: Path, environ: Mapping[str, str]) -> None:
    known = {"OPENAI_API_KEY": "sk-1", **environ}
    said = "the environment variable OPENAI_KEY is not set"
    assert refused(tmp_path, "env:OPENAI_KEY", environ).startswith(said)
    assert said in refused(tmp_path, "env:OPENAI_KEY", known)


def test_the_nearest_variable_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path, "env:OPENAI_APIKEY", {"OPENAI_API_KEY": "sk-1"}) == (
        "the environment variable OPENAI_APIKEY is not set: did you mean OPENAI_API_KEY?"
    )


@pytest.mark.parametrize(
    "reference", ["sk-hunter2", "env:sk-hunter2", "env:", "file:", "keyring:hunter2", "keyring:a/"]
)
def test_a_credential_in_the_file_itself_is_refused_and_not_repeated(tmp_path: Path, reference: str) -> None:
    said = refused(tmp_path, reference, {"": "x"})
    assert said == 'expected "env:NAME", "file:PATH" or "keyring:SERVICE/USER", never the credential itself'


def test_a_setting_is_a_reference_and_a_json_document_is_taken_whole(tmp_path: Path) -> None:
    (tmp_path / "account.json").write_text('{\n  "project_id": "p"\n}\n')
    (tmp_path / "penstock.toml").write_text(
        '[virtual_keys.v]\nprovider = "vertex-ai"\nvertex_service_account_json = "file:account.json"\n'
        'base_url = "env:BASE/v1"\nvertex_region = "env:GONE"\n'
    )
    reading = Reading(tmp_path / "penstock.toml", {"BASE": "https://llm.example/"}, ("vertex-ai",), None)
    [key] = reading.catalogue.virtual_keys.values()
    assert key.options == {"vertex_service_account_json": '{\n  "project_id": "p"\n}'}
    assert key.base_url == "https://llm.example/v1"
    [problem] = reading.problems
    assert problem == (
        "virtual_keys.v.vertex_region in penstock.toml: the environment variable GONE is not set: "
        "set it where the gateway starts"
    )


def keyring(monkeypatch: pytest.MonkeyPatch, passwords: Mapping[tuple[str, str], str]) -> None:
    def get_password(service: str, user: str) -> str | None:
        if service == "locked":
            raise RuntimeError("hunter2")
        return passwords.get((service, user))

    library = ModuleType("keyring")
    monkeypatch.setattr(library, "get_password", get_password, raising=False)
    monkeypatch.setitem(sys.modules, "keyring", library)


def test_a_credential_in_the_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring(monkeypatch, {("openai/eu", "me"): "sk-1"})
    assert credential(tmp_path, "keyring:openai/eu/me") == Secret("sk-1")
    assert refused(tmp_path, "keyring:openai/me") == "the keyring holds nothing for openai/me"
    assert refused(tmp_path, "keyring:locked/me") == "the keyring can't be read (RuntimeError)"


def test_the_keyring_library_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert refused(tmp_path, "keyring:a/b") == "the library keyring is not installed: pip install keyring"


CONFIG = {"strategy": {"mode": "fallback", "on_status_codes": [429]}, "targets": [{"provider": "echo", "weight": 0.5}]}


def test_a_config_in_its_section(tmp_path: Path) -> None:
    text = """
        [configs.prod]
        id = "pc-prod-1a2b"
        strategy = { mode = "fallback", on_status_codes = [429] }
        targets = [{ provider = "echo", weight = 0.5 }]
    """
    assert config(tmp_path, text) == CONFIG
    found = catalogue(tmp_path, text).configs
    assert found.keys() == {"prod", "pc-prod-1a2b"}
    assert found["pc-prod-1a2b"] is found["prod"]
    assert found["prod"].name == "prod"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("prod.json", msgspec.json.encode(CONFIG)),
        ("prod.JSON", b"\xef\xbb\xbf" + msgspec.json.encode(CONFIG)),
        (
            "prod.yaml",
            b"strategy: {mode: fallback, on_status_codes: [429]}\ntargets:\n  - provider: echo\n    weight: 0.5",
        ),
        ("prod.yml", msgspec.json.encode(CONFIG)),
        (
            "prod.toml",
            b"[strategy]\nmode = 'fallback'\non_status_codes = [429]\n[[targets]]\nprovider = 'echo'\nweight = 0.5",
        ),
    ],
)
def test_a_config_in_a_file(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert config(tmp_path, f'[configs.prod]\nfile = "{name}"') == CONFIG


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("c.json", b"{", "c.json is not valid JSON: Input data was truncated"),
        ("c.json", b"[" * 100_000, "c.json is not valid JSON"),
        ("c.json", b"[]", "the config must be an object"),
        ("c.yaml", b"api_key: hunter2\n  a: [", "c.yaml is not valid YAML: line 2, column 4"),
        ("c.yaml", b"\x01", "c.yaml is not valid YAML"),
        ("c.yaml", b"a: 2020-99-99", "c.yaml is not valid YAML"),
        ("c.yaml", b"a: !!python/object/apply:os.getcwd []", "c.yaml is not valid YAML: line 1, column 4"),
        ("c.yaml", b"[" * 400, "c.yaml is not valid YAML"),
        ("c.yaml", b"", "the config must be an object"),
        ("c.yaml", b"true: 1", "it holds what JSON can't: a key that is no text, a value within itself"),
        ("c.yaml", b"a: &a [*a]", "it holds what JSON can't: a key that is no text, a value within itself"),
        ("c.toml", b"a", "c.toml is not valid TOML: Expected '='"),
        ("c.json", b"\xff", "c.json is not UTF-8 text"),
        ("c.ini", b"", "expected a file whose name ends in .json, .yaml, .yml or .toml"),
        ("c", b"{}", "expected a file whose name ends in .json, .yaml, .yml or .toml"),
    ],
)
def test_a_file_that_holds_no_config(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    [problem] = problems(tmp_path, f'[configs.prod]\nfile = "{name}"')
    assert problem.startswith(f"configs.prod in penstock.toml: {said}")
    assert "hunter2" not in problem


def test_what_can_be_wrong_with_a_config(tmp_path: Path) -> None:
    text = """
        [configs]
        text = "x"
        [configs.a]
        id = "b"
        [configs.b]
        id = "pc b"
        [configs.c]
        id = "pc"
        file = "c.json"
        retry = {}
        [configs.d]
        id = "pc"
        file = "d.json"
        [configs.e]
        file = 1
        id = "e"
    """
    assert problems(tmp_path, text) == (
        "configs.text in penstock.toml: expected a section, [configs.text]",
        "configs.c in penstock.toml: the config is in a file: move retry there",
        "configs.d in penstock.toml: d.json can't be read: No such file or directory",
        "configs.e in penstock.toml: file: expected the path of a file",
        "configs.a.id in penstock.toml: b already stands for the config b: choose another",
        "configs.b.id in penstock.toml: an id has letters, digits, dots, dashes and underscores",
        "configs.d.id in penstock.toml: pc already stands for the config c: choose another",
    )


def test_the_caller_judges_what_configs_say_beside_the_virtual_keys(tmp_path: Path) -> None:
    judged: list[tuple[bytes, list[str]]] = []

    def check(body: bytes, virtual_keys: Mapping[str, VirtualKey]) -> str | None:
        judged.append((body, [*virtual_keys]))
        return "config.retry must be an object" if b"retry" in body else None

    virtual_keys = "[virtual_keys.a]\nprovider = 'echo'\n"
    configs = "[configs.good]\nprovider = 'echo'\n[configs.bad]\nretry = 1\n"
    assert problems(tmp_path, virtual_keys + configs, check=check) == (
        "configs.bad in penstock.toml: config.retry must be an object",
    )
    assert judged == [(b'{"provider":"echo"}', ["a"]), (b'{"retry":1}', ["a"])]
    both = problems(tmp_path, virtual_keys.replace("echo", "zzz") + configs, check=check)
    assert [each.partition(" ")[0] for each in both] == ["virtual_keys.a.provider", "configs.bad"]


def test_the_problems_of_a_virtual_key_are_not_told_as_those_of_configs(tmp_path: Path) -> None:
    judged: list[VirtualKey] = []

    def check(body: bytes, virtual_keys: Mapping[str, VirtualKey]) -> str | None:
        judged.append(virtual_keys["a"])
        return None

    text = "[virtual_keys.a]\nprovider = 'zzz'\nbase_url = 'no'\n[configs.c]\nvirtual_key = 'a'\n"
    assert len(problems(tmp_path, text, check=check)) == 2
    assert [(key.base_url, key.provider == "zzz") for key in judged] == [(None, False)]


def test_gateway_keys(tmp_path: Path) -> None:
    text = f"""
        [virtual_keys.v]
        provider = "echo"
        [configs.prod]
        id = "pc-prod"
        [configs.other]
        [keys.all]
        hash = "{HASH}"
        [keys.some]
        hash = "{digest_of("pk-b").upper().replace("SHA", "sha")}"
        virtual_keys = ["v"]
        configs = ["pc-prod"]
        config = "pc-prod"
        [keys.none]
        hash = "{digest_of("pk-c")}"
        virtual_keys = []
        configs = []
    """
    found = catalogue(tmp_path, text)
    every, some, none = found.keys
    assert every == GatewayKey("all", bytes.fromhex(HASH.removeprefix("sha256:")))
    assert (some.virtual_keys, some.configs, some.config) == (frozenset({"v"}), frozenset({"prod"}), "prod")
    assert (none.virtual_keys, none.configs, none.config) == (frozenset(), frozenset(), None)
    assert found.key_for("pk-b") is some


def test_what_can_be_wrong_with_a_gateway_key(tmp_path: Path) -> None:
    text = f"""
        keys.text = 1
        [virtual_keys.openai-prod]
        provider = "echo"
        [configs.prod]
        [configs.other]
        [keys.a]
        hash = "pk-a"
        virtual_keys = ["openai-prd", "zzz"]
        configs = ["prdo"]
        config = "prdo"
        zzz = []
        config_ = 1
        [keys.b]
        hash = 1
        virtual_keys = "openai-prod"
        config = ""
        [keys.c]
        hash = "{HASH}"
        [keys.d]
        hash = "{HASH}"
        configs = ["prod"]
        config = "other"
    """
    known = (
        "hash, virtual_keys, configs, config, labels, providers, models, inline_configs, custom_hosts, lend, hosts, "
    )
    known += "aliases, usage_limits, rate_limits, concurrency_limit"
    hash_wanted = "expected sha256: and 64 hexadecimal digits; penstock key make makes both key and hash"
    assert problems(tmp_path, text) == (
        "keys.text in penstock.toml: expected a section, [keys.text]",
        f"keys.a.zzz in penstock.toml: unknown setting: there are {known}",
        "keys.a.config_ in penstock.toml: unknown setting: did you mean config?",
        f"keys.a.hash in penstock.toml: {hash_wanted}",
        "keys.a.virtual_keys in penstock.toml: there is no virtual key openai-prd: did you mean openai-prod?",
        "keys.a.virtual_keys in penstock.toml: there is no virtual key zzz: the file must set it",
        "keys.a.configs in penstock.toml: there is no config prdo: did you mean prod?",
        "keys.a.config in penstock.toml: there is no config prdo: did you mean prod?",
        f"keys.b.hash in penstock.toml: {hash_wanted}",
        "keys.b.virtual_keys in penstock.toml: expected a list of texts",
        "keys.b.config in penstock.toml: expected text",
        "keys.d.hash in penstock.toml: it is that of c too: every key needs its own",
        "keys.d.config in penstock.toml: other is not among the configs of this key: add it there",
    )


def test_sections_that_are_none(tmp_path: Path) -> None:
    assert problems(tmp_path, "virtual_keys = 1\nkeys = []") == (
        "virtual_keys in penstock.toml: expected sections, [virtual_keys.NAME]",
        "keys in penstock.toml: expected sections, [keys.NAME]",
    )


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    [problem] = problems(tmp_path, "[keys")
    assert problem.startswith("penstock.toml is not valid TOML: ")
    [problem] = problems(tmp_path, "a = " + "[" * 100_000)
    assert problem.startswith("penstock.toml is not valid TOML: ")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError) as caught:
        read(tmp_path / "mine.toml", {}, PROVIDERS)
    assert caught.value.problems == ("mine.toml can't be read: No such file or directory",)


def test_the_examples_can_be_used(tmp_path: Path) -> None:
    example = example_file()
    sections = example[example.index("# [virtual_keys.") :].replace("\n# ", "\n").replace("\n#\n", "\n")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "cheap.yaml").write_text("provider: echo")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "azure-eu").write_text("k2")
    found = catalogue(tmp_path, sections.removeprefix("# "), {"OPENAI_API_KEY": "k1"})
    assert found.virtual_keys.keys() == {"openai-prod", "azure-eu"}
    assert found.configs.keys() == {"prod", "pc-prod-1a2b", "cheap"}
    assert [key.name for key in found.keys] == ["team-a"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = st.sampled_from(
    "provider credential base_url models default_params file id hash virtual_keys configs config labels".split()
)
ENTRIES = VALUES | st.dictionaries(MEMBERS | st.text(max_size=5), VALUES)
SECTIONS = VALUES | st.dictionaries(st.sampled_from(["a", "b"]) | st.text(max_size=3), ENTRIES)
FILES = st.dictionaries(st.sampled_from(["virtual_keys", "configs", "keys"]), SECTIONS)


@given(FILES)
def test_whatever_the_file_holds_is_a_catalogue_or_a_list_of_problems(sections: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("penstock.settings.text_file.tomllib.loads", lambda _: sections)
        reading = Reading(Path(__file__), {}, PROVIDERS, None)
    assert all(" in test_reading.py: " in problem for problem in reading.problems)
    if not reading.problems:
        assert len(reading.result().keys) == len(sections.get("keys", {}))
        assert reading.catalogue.virtual_keys.keys() == sections.get("virtual_keys", {}).keys()
        assert reading.catalogue.configs.keys() >= sections.get("configs", {}).keys()


def test_prices_of_the_operators_own(tmp_path: Path) -> None:
    read_ = catalogue(tmp_path, '[prices."openai/m"]\ninput = 2.5\n')
    assert [*read_.overlay.entries] == [("openai", "m")]
    assert read_ != EMPTY


def test_what_is_wrong_with_prices_is_told(tmp_path: Path) -> None:
    assert problems(tmp_path, '[prices."openai/m"]\ninputs = 2.5\n') == (
        "prices.openai/m.inputs: unknown member: did you mean input? in penstock.toml",
    )
