"""Where requests of other dialects go: by model, by option, streamed and not, with which credential."""

from __future__ import annotations

import pytest

from endpoints import target as target_of
from penstock.core.failure import Failure
from penstock.core.http import Url
from penstock.core.operation import Operation
from penstock.core.secret import Secret
from penstock.dialects.chat_quirks import NO_QUIRKS
from penstock.providers.endpoint import Endpoint, bind
from penstock.providers.registry import PROVIDERS
from penstock.providers.row import OPENAI

VERTEX = "/v1/projects/p-1/locations/europe-west4/publishers"
ACCOUNT = '{"project_id": "p-2", "client_email": "a@p-2.iam", "private_key": "-----BEGIN"}'


def endpoint(slug: str, **options: str) -> Endpoint:
    found = bind(PROVIDERS[slug], Operation.CHAT, key=Secret("sk-unit"), options=options, custom_host=None)
    assert isinstance(found, Endpoint), found
    return found


def vertex(**options: str) -> Endpoint:
    return endpoint("vertex-ai", **{"vertex_project_id": "p-1", "vertex_region": "europe-west4", **options})


@pytest.mark.parametrize(
    ("model", "plain", "stream", "dialect"),
    [
        ("gemini-2.5-pro", f"{VERTEX}/google/models/gemini-2.5-pro:generateContent", f"{VERTEX}/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse", "gemini"),
        ("google.gemini-2.5-pro", f"{VERTEX}/google/models/gemini-2.5-pro:generateContent", f"{VERTEX}/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse", "gemini"),
        ("anthropic.claude-sonnet-4@20250514", f"{VERTEX}/anthropic/models/claude-sonnet-4%4020250514:rawPredict", f"{VERTEX}/anthropic/models/claude-sonnet-4%4020250514:streamRawPredict", "anthropic"),
        ("claude-sonnet-4", f"{VERTEX}/anthropic/models/claude-sonnet-4:rawPredict", f"{VERTEX}/anthropic/models/claude-sonnet-4:streamRawPredict", "anthropic"),
        ("mistralai.mistral-large", f"{VERTEX}/mistralai/models/mistral-large:rawPredict", f"{VERTEX}/mistralai/models/mistral-large:streamRawPredict", "openai_chat"),
        ("meta.llama-4", "/v1beta1/projects/p-1/locations/europe-west4/endpoints/openapi/chat/completions", "/v1beta1/projects/p-1/locations/europe-west4/endpoints/openapi/chat/completions", "openai_chat"),
        ("endpoints.123", "/v1/projects/p-1/locations/europe-west4/endpoints/123/chat/completions", "/v1/projects/p-1/locations/europe-west4/endpoints/123/chat/completions", "openai_chat"),
    ],
)  # fmt: skip
def test_vertex_serves_every_maker_at_its_own_address(model: str, plain: str, stream: str, dialect: str) -> None:
    found = vertex()
    assert target_of(found, model).decode() == plain
    assert target_of(found, model, streams=True).decode() == stream
    assert found.route_for(model, OPENAI).dialect == dialect


def test_vertex_serves_mistral_with_its_quirks() -> None:
    quirks = vertex().route_for("mistralai.mistral-large", OPENAI).quirks
    assert quirks is PROVIDERS["mistral-ai"].quirks
    assert {rename.parameter: rename.to for rename in quirks.renames} == {
        "max_completion_tokens": "max_tokens",
        "seed": "random_seed",
    }
    assert vertex().route_for("meta.llama-4", OPENAI).quirks is NO_QUIRKS


def test_vertex_models_of_meta_keep_their_maker() -> None:
    assert vertex().route_for("meta.llama-4", OPENAI).model("meta.llama-4") == "meta/llama-4"


def test_vertex_hosts_and_projects() -> None:
    assert vertex().default_route.origin.host == "europe-west4-aiplatform.googleapis.com"
    assert vertex(vertex_region="global").default_route.origin.host == "aiplatform.googleapis.com"
    assert vertex(vertex_region="eu").default_route.origin.host == "aiplatform.eu.rep.googleapis.com"
    assert vertex(vertex_region="us").default_route.origin.host == "aiplatform.us.rep.googleapis.com"
    found = endpoint("vertex-ai", vertex_service_account_json=ACCOUNT)
    assert "/projects/p-2/locations/us-central1/" in found.default_route.plain
    refused = bind(PROVIDERS["vertex-ai"], Operation.CHAT, key=Secret("k"), options={}, custom_host=None)
    assert isinstance(refused, Failure)
    assert refused.param == "x-portkey-vertex-project-id"
    bad = bind(PROVIDERS["vertex-ai"], Operation.CHAT, key=Secret("k"), options={"vertex_service_account_json": '{"project_id": "a/../b"}'}, custom_host=None)  # fmt: skip
    assert isinstance(bad, Failure)


def test_gemini() -> None:
    found = endpoint("google")
    assert target_of(found, "gemini-2.5-pro").decode() == "/v1beta/models/gemini-2.5-pro:generateContent"
    assert (
        target_of(found, "models/gemini-2.5-pro", streams=True).decode()
        == "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"
    )
    assert b"x-goog-api-key: sk-unit\r\n" in found.default_route.headers
    assert "sk-unit" not in found.default_route.plain


def test_bedrock() -> None:
    found = endpoint("bedrock", aws_region="eu-west-1")
    assert found.default_route.origin.host == "bedrock-runtime.eu-west-1.amazonaws.com"
    assert target_of(found, "amazon.nova-lite-v1:0").decode() == "/model/amazon.nova-lite-v1%3A0/converse"
    arn = "arn:aws:bedrock:us-east-1:123:inference-profile/us.anthropic.claude"
    assert (
        target_of(found, arn, streams=True).decode()
        == "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123%3Ainference-profile%2Fus.anthropic.claude/converse-stream"
    )
    assert (
        endpoint("bedrock", aws_region="cn-north-1").default_route.origin.host
        == "bedrock-runtime.cn-north-1.amazonaws.com.cn"
    )
    invoke = endpoint("bedrock", aws_bedrock_api="invoke")
    assert (
        target_of(invoke, "anthropic.claude", streams=True).decode()
        == "/model/anthropic.claude/invoke-with-response-stream"
    )
    assert (invoke.default_route.dialect, invoke.default_route.variant) == ("anthropic", "bedrock")


def test_anthropic() -> None:
    found = endpoint("anthropic", anthropic_beta="a-1,b-2")
    assert b"x-api-key: sk-unit\r\n" in found.default_route.headers
    assert b"anthropic-version: 2023-06-01\r\n" in found.default_route.headers
    assert b"anthropic-beta: a-1,b-2\r\n" in found.default_route.headers
    assert (
        b"anthropic-version: 2030-01-01\r\n"
        in endpoint("anthropic", anthropic_version="2030-01-01").default_route.headers
    )


def test_claude_on_azure() -> None:
    found = endpoint("azure-ai", azure_foundry_url="https://unit.services.ai.azure.com/anthropic")
    assert target_of(found, "claude-sonnet-4-5").decode() == "/anthropic/v1/messages"
    assert found.default_route.dialect == "anthropic"
    assert b"x-api-key: sk-unit\r\n" in found.default_route.headers
    assert b"anthropic-version: 2023-06-01\r\n" in found.default_route.headers
    plain = endpoint("azure-ai", azure_foundry_url="https://unit.services.ai.azure.com/models")
    assert plain.default_route.dialect == "openai_chat"
    assert b"anthropic" not in plain.default_route.headers


def test_ollamas_own_api_is_a_choice() -> None:
    assert target_of(endpoint("ollama"), "m") == b"/v1/chat/completions"
    found = endpoint("ollama", ollama_api="native")
    assert (target_of(found, "m"), found.default_route.dialect) == (b"/api/chat", "ollama")


def test_a_custom_host_leads_every_family() -> None:
    host = Url.parse("http://localhost:9000/base")
    found = bind(
        PROVIDERS["vertex-ai"], Operation.CHAT, key=None, options={"vertex_project_id": "p-1"}, custom_host=host
    )
    assert isinstance(found, Endpoint)
    for model in ("gemini-2.5-pro", "anthropic.claude", "endpoints.1"):
        assert target_of(found, model).startswith(b"/base/v1/")
