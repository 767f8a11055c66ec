"""Every row, by the same yardstick: a new provider is covered by being listed."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest

from endpoints import target as target_of
from penstock.core.failure import Failure
from penstock.core.http import Url
from penstock.core.operation import Operation
from penstock.core.secret import Secret
from penstock.dialects.chat_quirks import Drop, Rename
from penstock.dialects.registry import CALLERS, DIALECTS, HOSTED, TASK_CALLERS, TASKS
from penstock.providers.endpoint import Endpoint, bind
from penstock.providers.registry import PROVIDERS
from penstock.providers.row import ANTHROPIC_WIRE, KEPT, OPENAI, RESPONSES_WIRE, Key, Provider
from penstock.providers.templates import with_defaults
from running import SHARED, needs_recordings

REFERENCE = SHARED / "spec" / "providers.json"

VALUES = {
    "azure_foundry_url": "https://unit.services.ai.azure.com/models",
    "databricks_host": "unit.cloud.databricks.com",
    "deployment_id": "gpt-unit",
    "predibase_tenant_id": "tenant1",
    "resource_name": "unit",
    "snowflake_account": "org-unit",
    "oracle_region": "us-chicago-1",
    "vertex_project_id": "unit-project",
    "workers_ai_account_id": "account1",
}

ELSEWHERE = {
    "azure-ai": "the reference prepends a scheme to a value that has one",
    "cortex": "Snowflake's OpenAI-compatible path, which the reference (it can't serve the slug) does not know",
    "github": "GitHub retired the Azure address in 2025",
    "huggingface": "Hugging Face serves all models at its router now",
    "modal": "the reference has a placeholder that is no address",
    "nebius": "renamed to Token Factory, with a host of its own",
    "novita-ai": "the vendor documents /openai/v1",
    "ollama": "the reference has no default address",
    "predibase": "the tenant is an option here, not the body's user",
}
"""Rows whose address is not the reference's, and why."""


@cache
def reference() -> dict[str, dict[str, Any]]:
    return {row["slug"]: row for row in json.loads(REFERENCE.read_text()) if row.get("openai_shape")}


def address(row: Provider) -> tuple[str, str]:
    """Base URL and chat path as templates, the reference's notation."""
    return row.base_url, row.places_of(Operation.CHAT, with_defaults(row, {}))[0].path


def main_operation(row: Provider) -> Operation:
    """Chats, where the row serves them."""
    served = [each for each in Operation if row.places_of(each, with_defaults(row, VALUES))]
    return Operation.CHAT if Operation.CHAT in served else served[0]


def bound(row: Provider, operation: Operation | None = None, custom_host: str | None = None) -> Endpoint:
    operation = operation or main_operation(row)
    needed = {option.name: VALUES[option.name] for option in row.options if option.required}
    host = None if row.base_url and custom_host is None else Url.parse(custom_host or "https://models.example.com/v1")
    endpoint = bind(row, operation, key=Secret("sk-unit-0123456789"), options=needed, custom_host=host)
    assert isinstance(endpoint, Endpoint), endpoint
    return endpoint


every_row = pytest.mark.parametrize("row", PROVIDERS.values(), ids=PROVIDERS.keys())


@every_row
def test_it_binds(row: Provider) -> None:
    endpoint = bound(row)
    target = target_of(endpoint, "vendor/model-1")
    assert target.startswith(b"/")
    assert b"{" not in target
    assert b"sk-unit-0123456789" not in target
    assert endpoint.default_route.origin.scheme in {"https", "http", "echo"}
    assert endpoint.default_route.origin.scheme == "https" or endpoint.default_route.origin.host in {
        "localhost",
        "echo",
    }
    assert re.fullmatch(rb"(?:[!-9;-~]+: [ -~]+\r\n)+", endpoint.default_route.headers)


@every_row
@pytest.mark.parametrize("operation", Operation)
def test_every_place_of_it_binds(row: Provider, operation: Operation) -> None:
    options = {option.name: VALUES[option.name] for option in row.options if option.required}
    specs = row.places_of(operation, with_defaults(row, options))
    if not specs:
        refused = bind(row, operation, key=Secret("k"), options=options, custom_host=None)
        assert isinstance(refused, Failure)
        return
    assert len({(spec.dialect, spec.path) for spec in specs}) == len(specs)
    endpoint = bound(row, operation)
    assert len(endpoint.default_routes) == (len(specs) if row.base_url or row.self_hosted else 1)
    for route in (*endpoint.default_routes, *endpoint.model_routes):
        assert route.dialect in {OPENAI, *DIALECTS, *TASKS, *CALLERS, *TASK_CALLERS, *HOSTED}
        for streams in (False, True):
            parameters = {"id": "vendor/model-1", "operation": "o/1", "version": "v1"}
            target = route.target("vendor/model-1", streams=streams, parameters=parameters)
            assert re.fullmatch(rb"/[!-z|~]*", target), target
        assert re.fullmatch(rb"(?:[!-9;-~]+: [ -~]+\r\n)+", route.headers)
        assert route.headers.startswith(b"content-type: application/json\r\n") == operation.has_body
        names = [line.partition(b":")[0].lower() for line in route.headers.split(b"\r\n")]
        assert len(names) == len(set(names))
        assert route.headers.count(b"sk-unit-0123456789") <= 1


OWN_LISTS = {"anthropic": ANTHROPIC_WIRE}
OTHER_WIRES = {
    Operation.SHOW: {"ollama"},
    Operation.REALTIME: {"gemini"},
    Operation.PREDICT: {"gemini"},
    Operation.PREDICT_LATER: {"gemini"},
    Operation.PREDICTED: {"gemini"},
    Operation.FETCH_PREDICTED: {"gemini"},
    Operation.BATCH_GENERATE: {"gemini"},
    Operation.BATCH_EMBED: {"gemini"},
    Operation.INVOKE: {"invoke_own"},
    Operation.EMBEDDINGS: {*TASK_CALLERS, "invoke_own"},
    Operation.RERANK: {*TASK_CALLERS, "invoke_own"},
}


@every_row
def test_a_place_of_models_speaks_openai(row: Provider) -> None:
    of_responses = (*KEPT, Operation.RESPONSE_SESSION)
    for operation in (Operation.MODELS, Operation.MODEL):
        for spec in row.places_of(operation, with_defaults(row, VALUES)):
            # A maker's own list is read, and never relayed to callers of another wire.
            assert spec.dialect in ({OPENAI, "ollama"} if row.slug == "ollama" else {OWN_LISTS.get(row.slug, OPENAI)})
            assert operation is not Operation.MODEL or "{id}" in spec.path
    for operation in of_responses:
        for spec in row.places_of(operation, with_defaults(row, VALUES)):
            assert spec.dialect == RESPONSES_WIRE
    others = {Operation.CHAT, Operation.MODELS, Operation.MODEL, Operation.COUNT_TOKENS, *of_responses}
    for operation in set(Operation) - others:
        for spec in row.places_of(operation, with_defaults(row, VALUES)):
            own = OTHER_WIRES.get(operation, {*TASK_CALLERS})
            assert spec.dialect in {OPENAI, *TASKS, *own}
    for spec in row.places_of(Operation.COUNT_TOKENS, with_defaults(row, VALUES)):
        assert spec.dialect in {ANTHROPIC_WIRE, "gemini", "bedrock_count"}


@every_row
def test_it_sends_the_key_once_or_not_at_all(row: Provider) -> None:
    endpoint = bound(row)
    shown = row.key is not Key.NONE and endpoint.signer is None
    assert endpoint.default_route.headers.count(b"sk-unit-0123456789") == int(shown)


@every_row
def test_it_does_not_print_the_key(row: Provider) -> None:
    assert "sk-unit" not in f"{bound(row)!r} {bound(row)}"


@every_row
def test_it_asks_for_a_key_without_showing_anything(row: Provider) -> None:
    needed = {option.name: VALUES[option.name] for option in row.options if option.required}
    operation, host = main_operation(row), Url.parse("https://models.example.com")
    result = bind(row, operation, key=None, options=needed, custom_host=host)
    assert isinstance(result, Endpoint), "a custom host may need no key"
    if row.base_url and row.key is Key.REQUIRED:
        result = bind(row, operation, key=None, options=needed, custom_host=None)
        assert not isinstance(result, Endpoint)
        assert result.kind.value == "missing_api_key"
        for model_route in ("Authorization: Bearer", "x-portkey-api-key", "api_key", *row.env[:1]):
            assert model_route in result.message


@every_row
def test_a_custom_host_replaces_the_base_url_and_keeps_the_paths(row: Provider) -> None:
    endpoint = bound(row, custom_host="http://localhost:9100/base/v9")
    assert endpoint.default_route.origin.authority == "localhost:9100"
    assert not endpoint.default_route.origin.trusted
    assert endpoint.default_route.plain.startswith("/base/v9/")
    if not row.base_url.startswith("{") and row.base_url:
        base = re.sub(r"\{(\w+)\}", lambda match: VALUES.get(match[1], match[1]), row.base_url)
        here = bound(row).default_route.plain.removeprefix(Url.parse(base).path)
        assert endpoint.default_route.plain == "/base/v9" + here


@every_row
def test_it_is_documented(row: Provider) -> None:
    assert row.docs.startswith("https://") or (row.slug, row.docs) == ("echo", "docs/echo.md")
    assert row.name
    assert not row.notes or row.notes.endswith(".")
    for variable in row.env:
        assert re.fullmatch(r"[A-Z0-9]+(_[A-Z0-9]+)+", variable)
    assert (row.key is Key.REQUIRED) <= bool(row.env)


@every_row
def test_every_quirk_has_a_reason_and_a_link(row: Provider) -> None:
    quirks: list[Rename | Drop] = [*row.quirks.renames, *row.quirks.drops]
    for quirk in quirks:
        assert quirk.reason
        assert quirk.link.startswith("https://")
    touched = [quirk.parameter for quirk in quirks]
    assert len(touched) == len(set(touched))
    assert not {rename.to for rename in row.quirks.renames} & set(touched)


@every_row
def test_its_options_can_be_given(row: Provider) -> None:
    for option in row.options:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", option.header)
        assert option.default is None or re.fullmatch(option.pattern or ".*", option.default)
        assert option.credential is None or option.secret


@needs_recordings
@every_row
def test_it_is_where_the_reference_has_it(row: Provider) -> None:
    facts = reference().get(row.slug)
    if facts is not None:
        same = address(row) == (facts["base_url"], facts["endpoints"]["chat"]["path"])
        assert same != (row.slug in ELSEWHERE), "a difference is stated, and a stated one is real"


@needs_recordings
def test_every_openai_shaped_provider_of_the_reference_is_here() -> None:
    assert set(reference()) <= set(PROVIDERS)


def test_a_row_is_a_frozen_value() -> None:
    with pytest.raises(AttributeError):
        PROVIDERS["openai"].base_url = "https://elsewhere.example.com"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("slug", "url"),
    [
        ("openai", "https://api.openai.com/v1/chat/completions"),
        ("deepseek", "https://api.deepseek.com/v1/chat/completions"),
        ("groq", "https://api.groq.com/openai/v1/chat/completions"),
        ("huggingface", "https://router.huggingface.co/v1/chat/completions"),
        ("ollama", "http://localhost:11434/v1/chat/completions"),
        ("cortex", "https://org-unit.snowflakecomputing.com/api/v2/cortex/v1/chat/completions"),
        ("azure-ai", "https://unit.services.ai.azure.com/models/chat/completions"),
        (
            "predibase",
            "https://serving.app.predibase.com/tenant1/deployments/v2/llms/vendor%2Fmodel-1/v1/chat/completions",
        ),
        ("echo", "echo://echo:0/chat/completions"),
    ],
)
def test_urls(slug: str, url: str) -> None:
    endpoint = bound(PROVIDERS[slug])
    assert (
        f"{endpoint.default_route.origin.scheme}://{endpoint.default_route.origin.authority}{target_of(endpoint, 'vendor/model-1').decode()}"
        == url
    )


@pytest.mark.parametrize(
    ("slug", "renamed", "dropped"),
    [
        ("openai", set(), set()),
        ("mistral-ai", {("seed", "random_seed"), ("max_completion_tokens", "max_tokens")}, {"store", "stream_options"}),
        ("groq", set(), {"logit_bias", "logprobs", "top_logprobs", "prompt_cache_key"}),
        ("deepseek", {("max_completion_tokens", "max_tokens")}, set()),
    ],
)
def test_quirks(slug: str, renamed: set[tuple[str, str]], dropped: set[str]) -> None:
    row = PROVIDERS[slug]
    assert {(rename.parameter, rename.to) for rename in row.quirks.renames} == renamed
    assert {drop.parameter for drop in row.quirks.drops} == dropped
