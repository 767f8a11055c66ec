"""What importers make behaves as its source says. The penstock.toml that is made runs in a gateway; its providers
are one scripted server on loopback, each with a path of its own."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from commands import run
from importing import (
    BIFROST,
    CASES,
    ENVIRONMENT,
    HOSTS,
    LITELLM,
    converted,
    digest_of,
    document,
    from_bifrost,
    from_litellm,
)
from penstock.importers import litellm
from penstock.importers.imported import Conversion, Imported
from penstock.importers.litellm_rows import Rows
from penstock.importers.routes import Node
from penstock.importers.toml import settings_text
from penstock.settings import load
from running import RunningGateway, running_gateway
from upstream import Upstream, reply, running_upstream

TOO_LONG = {"error": {"message": "This model's maximum context length is 8192 tokens.", "type": "invalid_request_error",
                      "param": "messages", "code": "context_length_exceeded"}}  # fmt: skip
FILTERED = {
    "error": {"message": "The response was filtered.", "type": None, "param": "prompt", "code": "content_filter"}
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running_upstream() as running:
        yield running


def redirected(imported: Imported, url: str) -> None:
    """Give every provider OpenAI's wire and an address at the scripted server: its integration's slug is its path."""
    for each in imported.integrations:
        each["ai_provider_id"] = "openai"
        each["configurations"] = {"custom_host": f"{url}/{each['slug']}"}
    imported.identities = []


async def at_once(_: float) -> None:
    await asyncio.sleep(0)


@contextlib.contextmanager
def serving(conversion: Conversion, upstream: Upstream, folder: Path) -> Iterator[RunningGateway]:
    imported = conversion.imported
    redirected(imported, upstream.url)
    path = folder / "penstock.toml"
    path.write_text(settings_text(conversion, "a test"))
    path.chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        for name in {*imported.variables, *imported.secrets}:
            patch.setenv(name, f"value-of-{name}")
        settings = load({}, {"PENSTOCK_ACCESS_LOG": "false"}, folder)
        with running_gateway(settings, path, sleep=at_once) as gateway:
            yield gateway


def ask(gateway: RunningGateway, model: str, key: str | None = None, **headers: str) -> httpx.Response:
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
    return httpx.post(f"{gateway.v1}/chat/completions", json=body, headers=headers, timeout=300)


def asked(upstream: Upstream, number: int) -> list[tuple[str, str]]:
    """The last requests: the provider's path and the model."""
    return [(each.target.split("/")[1], each.json["model"]) for each in upstream.received[-number:]] if number else []


def master_key(values: Any) -> str | None:
    key = values.get("general_settings", {}).get("master_key") if isinstance(values, dict) else None
    if not isinstance(key, str):
        return None
    return ENVIRONMENT[key.removeprefix("os.environ/")] if key.startswith("os.environ/") else key


def model_names(config: Node) -> Iterator[tuple[str, set[str]]]:
    """A name for each condition of a config, and the models that may be asked for then."""
    for condition in config["strategy"]["conditions"]:
        [target] = [each for each in config["targets"] if each.get("name") == condition["then"]]
        query = condition["query"]["params.model"]
        if isinstance(query, str):
            yield query, set(models_of(target, query))
        elif "$in" in query:
            for name in query["$in"]:
                yield name, set(models_of(target, name))
        elif query.get("$regex", "").replace("/", "").replace("^", "").replace("-", "").isalnum():
            name = f"{query['$regex'].removeprefix('^')}something"
            yield name, set(models_of(target, name))


def models_of(node: Node, asked_for: str) -> Iterator[str]:
    if "targets" in node:
        for each in node["targets"]:
            yield from models_of(each, asked_for)
        return
    override = node.get("override_params", {}).get("model")
    yield override or asked_for.removeprefix(node.get("strip_model_prefix", ""))


@pytest.mark.parametrize("case", LITELLM, ids=lambda path: path.stem)
def test_litellms_names_of_models_answer(case: Path, upstream: Upstream, tmp_path: Path) -> None:
    values, conversion = document(case), converted(case)
    [config] = conversion.imported.configs
    names = [each["model_name"] for each in values["model_list"] if isinstance(each, dict) and "model_name" in each]
    lost = " ".join(str(line) for line in conversion.report.lines if line.outcome.value == "✗")
    with serving(conversion, upstream, tmp_path) as gateway:
        served = dict(model_names(config["config"]))
        for name, models in served.items():
            answer = ask(gateway, name, master_key(values))
            assert answer.status_code == 200, (name, answer.text)
            assert upstream.received[-1].json["model"] in models
    plain = {name for name in names if "*" not in name and name not in lost}
    assert plain - {"of-a-team", "switched-off", "no-params"} <= set(served)


@pytest.mark.parametrize("case", BIFROST, ids=lambda path: path.stem)
def test_bifrosts_names_of_models_answer(case: Path, upstream: Upstream, tmp_path: Path) -> None:
    values, conversion = document(case), converted(case)
    configs = {each["name"]: each["config"] for each in conversion.imported.configs}
    virtual_keys = values.get("governance", {}).get("virtual_keys", [])
    keys = {each.get("name"): each.get("value") for each in virtual_keys}
    with serving(conversion, upstream, tmp_path) as gateway:
        for body in conversion.imported.api_keys or [{"name": None, "defaults": {"config_id": "bifrost"}}]:
            value = keys.get(body["name"])
            key = ENVIRONMENT.get(str(value).removeprefix("env."), value)
            if body.get("status") == "disabled":
                continue
            names = list(model_names(configs[body["defaults"]["config_id"]]))
            # Of two conditions on one name the first holds.
            for name, models in dict(reversed(names)).items():
                answer = ask(gateway, name, key)
                assert answer.status_code == 200, (name, answer.text)
                assert upstream.received[-1].json["model"] in models


def test_an_old_key_is_let_in_and_no_other(upstream: Upstream, tmp_path: Path) -> None:
    with serving(converted(CASES / "litellm" / "03-azure-two-regions.yaml"), upstream, tmp_path) as gateway:
        assert ask(gateway, "gpt-4o", "sk-contoso-0123456789abcdef").status_code == 200
        assert ask(gateway, "gpt-4o", "sk-contoso-0123456789abcdeX").status_code == 401
        assert ask(gateway, "gpt-4o").status_code == 401


def test_a_key_of_litellms_database_is_let_in_and_has_its_models(upstream: Upstream, tmp_path: Path) -> None:
    values = document(CASES / "litellm" / "09-fallbacks.yaml")
    rows = Rows(keys=[{"token": hashlib.sha256(b"sk-old-key").hexdigest(), "key_alias": "old", "models": ["b"]}])
    with serving(litellm.convert(values, HOSTS, digest_of, rows), upstream, tmp_path) as gateway:
        assert ask(gateway, "b", "sk-old-key").status_code == 200
        assert ask(gateway, "a", "sk-old-key").status_code == 400
        assert ask(gateway, "b").status_code == 401


def test_an_imported_key_leads_to_its_config_and_nowhere_else(upstream: Upstream, tmp_path: Path) -> None:
    conversion = converted(CASES / "litellm" / "22-clear-secrets.yaml")
    with serving(conversion, upstream, tmp_path) as gateway:
        key, before = "sk-clear-master-key-0123", len(upstream.received)
        assert ask(gateway, "@openai/gpt-4o", key).status_code in {400, 403}
        assert ask(gateway, "gpt-4", key).status_code == 400
        assert ask(gateway, "one", key, **{"x-portkey-provider": "@openai"}).status_code in {400, 403}
        inline = json.dumps({"provider": "openai", "custom_host": upstream.url})
        assert ask(gateway, "one", key, **{"x-portkey-config": inline}).status_code in {400, 403}
        assert len(upstream.received) == before


def test_fallbacks_are_tried_in_order(upstream: Upstream, tmp_path: Path) -> None:
    with serving(converted(CASES / "litellm" / "09-fallbacks.yaml"), upstream, tmp_path) as gateway:
        for _ in range(2):
            upstream.play(reply(500, b"{}"))
        assert ask(gateway, "a").status_code == 200
        assert asked(upstream, 3) == [("openai", "model-a"), ("openai", "model-b"), ("openai", "model-c")]
        upstream.play(reply(500, b"{}"))
        assert ask(gateway, "b").status_code == 200
        assert asked(upstream, 2) == [("openai", "model-b"), ("openai", "model-c")]
        upstream.play(reply(500, b"{}"))
        assert ask(gateway, "c").status_code == 500


def test_a_default_fallback_serves_every_model(upstream: Upstream, tmp_path: Path) -> None:
    with serving(converted(CASES / "litellm" / "10-default-fallbacks.yaml"), upstream, tmp_path) as gateway:
        for _ in range(2):
            upstream.play(reply(500, b"{}"))
        assert ask(gateway, "a").status_code == 200
        assert asked(upstream, 3) == [("openai", "model-a"), ("openai", "model-a"), ("openai", "model-b")]


@pytest.mark.parametrize(
    ("status", "error", "models"),
    [
        (400, TOO_LONG, ["small", "large"]),
        (400, FILTERED, ["small", "lenient"]),
        (500, {}, ["small", "spare"]),
    ],
)
def test_long_inputs_and_filtered_contents_have_fallbacks_of_their_own(
    status: int, error: dict[str, Any], models: list[str], upstream: Upstream, tmp_path: Path
) -> None:
    with serving(converted(CASES / "litellm" / "11-context-and-content.yaml"), upstream, tmp_path) as gateway:
        upstream.play(reply(status, json.dumps(error).encode()))
        assert ask(gateway, "small").status_code == 200
        assert [model for _, model in asked(upstream, 2)] == models


def test_weights_are_those_of_the_source(upstream: Upstream, tmp_path: Path) -> None:
    conversion = converted(CASES / "litellm" / "12-weights.yaml")
    [config] = conversion.imported.configs
    [target] = config["config"]["targets"]
    assert [each.get("weight", 1) for each in target["targets"]] == [9, 1, 0]
    with serving(conversion, upstream, tmp_path) as gateway:
        places = set()
        for _ in range(60):
            assert ask(gateway, "chat").status_code == 200
            places |= {place for place, _ in asked(upstream, 1)}
    assert "openai" in places
    assert places <= {"openai", "openai-2"}


def test_an_order_is_a_fallback(upstream: Upstream, tmp_path: Path) -> None:
    with serving(converted(CASES / "litellm" / "13-order.yaml"), upstream, tmp_path) as gateway:
        for _ in range(3):
            upstream.play(reply(500, b"{}"))
        assert ask(gateway, "chat").status_code == 200
        *first, last = asked(upstream, 4)
        assert {model for _, model in first} < {"primary", "primary-two"}
        assert last == ("openai", "secondary")


def test_an_alias_is_another_name(upstream: Upstream, tmp_path: Path) -> None:
    with serving(converted(CASES / "litellm" / "15-router.yaml"), upstream, tmp_path) as gateway:
        for name in ("chat", "gpt-4", "hidden-one"):
            assert ask(gateway, name).status_code == 200
        listed = httpx.get(f"{gateway.v1}/models", timeout=300).json()["data"]
    assert {"chat", "gpt-4", "hidden-one"} <= {each["id"] for each in listed}


def test_tags_choose_the_deployment(upstream: Upstream, tmp_path: Path) -> None:
    with serving(converted(CASES / "litellm" / "26-tags.yaml"), upstream, tmp_path) as gateway:
        for tag, model in (("free", "free-model"), ("paid", "paid-model"), ("other", "default-model")):
            answer = ask(gateway, "chat", **{"x-portkey-metadata": json.dumps({"tags": tag})})
            assert (answer.status_code, asked(upstream, 1)) == (200, [("openai", model)])


def test_a_model_of_a_team_is_nobody_elses(upstream: Upstream, tmp_path: Path) -> None:
    with serving(converted(CASES / "litellm" / "27-groups-and-teams.yaml"), upstream, tmp_path) as gateway:
        assert [ask(gateway, name).status_code for name in ("open", "of-a-team", "switched-off")] == [200, 400, 400]


def test_many_models_are_groups_of_conditions(upstream: Upstream, tmp_path: Path) -> None:
    models = [
        {"model_name": f"m{number}", "litellm_params": {"model": f"openai/x{number}", "api_key": "os.environ/K"}}
        for number in range(250)
    ]
    with serving(from_litellm({"model_list": models}), upstream, tmp_path) as gateway:
        for number in (0, 99, 100, 249):
            assert ask(gateway, f"m{number}").status_code == 200
            assert asked(upstream, 1) == [("openai", f"x{number}")]
        assert ask(gateway, "m250").status_code == 400


def test_a_bifrost_key_uses_what_it_may_and_nothing_else(upstream: Upstream, tmp_path: Path) -> None:
    with serving(converted(CASES / "bifrost" / "06-virtual-keys.json"), upstream, tmp_path) as gateway:
        platform, pinned = "sk-bf-platform-0123456789", "sk-bf-pinned-0123456789"
        for model, sent in (("openai/gpt-4o", "gpt-4o"), ("gpt-4o", "gpt-4o"), ("anthropic/claude-x", "claude-x")):
            assert ask(gateway, model, platform).status_code == 200
            assert asked(upstream, 1)[0][1] == sent
        before = len(upstream.received)
        for model in ("openai/o3", "o3", "openai/gpt-4o-2", "@one/gpt-4o", "@claude/claude-x"):
            assert ask(gateway, model, platform).status_code in {400, 403}, model
        for model in ("openai/o1-pro", "o1-pro"):
            assert ask(gateway, model, pinned).status_code == 400, model
        assert len(upstream.received) == before
        for model in ("openai/o3", "o3"):
            assert ask(gateway, model, pinned).status_code == 200
            assert asked(upstream, 1) == [("two", "o3")]
        assert ask(gateway, "gpt-4o", "sk-bf-off-0123456789").status_code == 401


def test_the_heaviest_provider_comes_first_and_the_others_follow(upstream: Upstream, tmp_path: Path) -> None:
    values = document(CASES / "bifrost" / "11-failover.json")
    values["governance"]["virtual_keys"][0]["provider_configs"][0]["weight"] = 0.000001
    with serving(from_bifrost(values), upstream, tmp_path) as gateway:
        upstream.play(reply(500, b"{}"))
        assert ask(gateway, "gpt-4o", "sk-bf-both-0123456789ab").status_code == 200
        assert sorted(place for place, _ in asked(upstream, 2)) == ["o", "z"]


def test_a_rule_of_the_lowest_priority_number_wins(upstream: Upstream, tmp_path: Path) -> None:
    with serving(converted(CASES / "bifrost" / "12-routing-rules.json"), upstream, tmp_path) as gateway:
        upstream.play(reply(500, b"{}"))
        assert ask(gateway, "fast").status_code == 200
        assert asked(upstream, 2) == [("g", "llama-3.3-70b-versatile"), ("o", "gpt-4o-mini")]


def test_a_gateway_of_version_2_lets_nobody_use_an_empty_list(upstream: Upstream, tmp_path: Path) -> None:
    key, before = "sk-bf-empty-models-01234", len(upstream.received)
    with serving(converted(CASES / "bifrost" / "08-empty-lists-version-2.json"), upstream, tmp_path) as gateway:
        assert ask(gateway, "openai/gpt-4o", key).status_code == 401
        assert len(upstream.received) == before


def test_a_gateway_of_version_1_lets_an_empty_list_use_all(upstream: Upstream, tmp_path: Path) -> None:
    with serving(converted(CASES / "bifrost" / "07-empty-lists-version-1.json"), upstream, tmp_path) as gateway:
        assert ask(gateway, "openai/gpt-4o", "sk-bf-empty-models-01234").status_code == 200
        assert ask(gateway, "anything", "sk-bf-no-providers-01234").status_code == 200


def test_an_old_key_chats_through_what_was_imported_to_the_database(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = {
        "model_list": [{"model_name": "gpt", "litellm_params": {
            "model": "openai/m", "api_key": "sk-in-clear-0123456789", "api_base": f"{upstream.url}/here"}}],
        "general_settings": {"master_key": "sk-contoso-0123456789abcdef", "database_url": "unused"},
    }  # fmt: skip
    (tmp_path / "config.yaml").write_text(json.dumps(file))
    store = f"sqlite:///{tmp_path}/penstock.db"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENSTOCK_SECRET_KEYS", f"test:{base64.b64encode(bytes(range(32))).decode()}")
    monkeypatch.setenv("TRUSTED_CUSTOM_HOSTS", "127.0.0.1")
    command = ("import", "litellm", "config.yaml", "--apply", "--store", store, "--accept")
    first, second = run(*command), run(*command)
    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert "created: key litellm-master" in first.stdout
    assert "Nothing is changed: all of it is there already." in second.stderr
    assert "sk-in-clear" not in first.output
    environment = {"PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_STORE_DATABASE": store}
    settings = load({}, {**environment, "TRUSTED_CUSTOM_HOSTS": "127.0.0.1"}, tmp_path)
    with running_gateway(settings, sleep=at_once) as gateway:
        answer = ask(gateway, "gpt", "sk-contoso-0123456789abcdef")
        assert answer.status_code == 200, answer.text
        assert upstream.received[-1].json["model"] == "m"
        assert upstream.received[-1].headers["authorization"] == "Bearer sk-in-clear-0123456789"
        assert ask(gateway, "gpt", "sk-contoso-0123456789abcdeX").status_code == 401
        assert ask(gateway, "gpt").status_code == 401
