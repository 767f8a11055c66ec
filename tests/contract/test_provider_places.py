"""One operation in several wires: which place is chosen, and what may differ between places."""

from __future__ import annotations

import pytest

from endpoints import target as target_of
from penstock.auth.header import HeaderAuth
from penstock.core.failure import Failure, Kind
from penstock.core.http import Url
from penstock.core.operation import Operation
from penstock.core.secret import Secret
from penstock.dialects.chat_quirks import NO_QUIRKS, ChatQuirks
from penstock.dialects.registry import TASKS
from penstock.providers.endpoint import Endpoint, bind
from penstock.providers.registry import PROVIDERS
from penstock.providers.row import (
    ANTHROPIC_WIRE,
    OPENAI,
    EndpointSpec,
    Key,
    ModelRouteSpec,
    Option,
    Provider,
    chat_and_models,
    chat_only,
    messages_at,
)

KEY = Secret("sk-unit")
HOST = Url.parse("http://localhost:9100/base")
REGION = Option("region", "region", default="eu", pattern="[a-z]+")
NAMED = Option("base", "base", default="https://api.example.com", pattern="https://[a-z.]+", names_host=True)


def row(**changes: object) -> Provider:
    """A row with chats in two wires: Anthropic's has a base URL, a credential header and a version of its own."""
    fields: dict[str, object] = {
        "slug": "unit",
        "name": "Unit",
        "base_url": "https://api.example.com/v1",
        "docs": "https://example.com",
        "places": chat_and_models(
            messages=messages_at(
                "/v1/messages", base_url="https://{region}.example.org/claude", auth=HeaderAuth("x-api-key")
            )
        ),
        "options": (REGION,),
        "quirks": ChatQuirks(completes_replies=True),
    }
    return Provider(**{**fields, **changes})  # type: ignore[arg-type]


def endpoint(
    provider: Provider,
    operation: Operation = Operation.CHAT,
    *,
    custom_host: Url | None = None,
    key: Secret | None = KEY,
    lent_key: Secret | None = None,
    **options: str,
) -> Endpoint:
    found = bind(provider, operation, key=key, options=options, custom_host=custom_host, lent_key=lent_key)
    assert isinstance(found, Endpoint), found
    return found


@pytest.mark.parametrize(
    ("wire", "dialect"), [(OPENAI, OPENAI), (ANTHROPIC_WIRE, ANTHROPIC_WIRE), ("gemini", OPENAI), ("", OPENAI)]
)
def test_a_wire_that_the_host_speaks_is_kept_and_every_other_gets_the_first(wire: str, dialect: str) -> None:
    found = endpoint(row())
    assert found.route_for("m", wire).dialect == dialect
    assert found.route_for(None, wire).dialect == dialect
    assert found.default_route is found.default_routes[0] is found.route_for("m", OPENAI)


def test_a_place_has_its_own_address_credential_and_headers() -> None:
    found = endpoint(row(), region="us")
    chat, messages = found.route_for("m", OPENAI), found.route_for("m", ANTHROPIC_WIRE)
    assert (chat.origin.host, chat.target("m")) == ("api.example.com", b"/v1/chat/completions")
    assert (messages.origin.host, messages.target("m")) == ("us.example.org", b"/claude/v1/messages")
    assert chat.origin.trusted
    assert messages.origin.trusted
    assert b"authorization: Bearer sk-unit\r\n" in chat.headers
    assert b"x-api-key: sk-unit\r\nanthropic-version: 2023-06-01\r\n" in messages.headers
    assert b"authorization" not in messages.headers
    assert b"anthropic-version" not in chat.headers


def test_a_custom_host_gets_the_first_wire_only() -> None:
    found = endpoint(row(), custom_host=HOST)
    assert [route.dialect for route in found.default_routes] == [OPENAI]
    assert target_of(found, "m", ANTHROPIC_WIRE) == b"/base/chat/completions"
    assert not found.default_route.origin.trusted


def test_a_program_that_callers_run_serves_all_wires_anywhere() -> None:
    found = endpoint(row(self_hosted=True), custom_host=HOST)
    assert target_of(found, "m", ANTHROPIC_WIRE) == b"/base/v1/messages"
    assert {route.origin.authority for route in found.default_routes} == {"localhost:9100"}


def test_a_custom_host_replaces_the_base_url_of_a_place() -> None:
    jina = PROVIDERS["jina"]
    own = endpoint(jina, Operation.EMBEDDINGS)
    assert (own.default_route.origin.host, own.default_route.plain) == ("api.jina.ai", "/v1/embeddings")
    assert endpoint(jina, Operation.EMBEDDINGS, custom_host=HOST).default_route.plain == "/base/embeddings"


def test_a_key_that_is_lent_reaches_no_host_that_a_caller_named() -> None:
    places = chat_only(messages=messages_at("/v1/messages", base_url="https://api.example.org"))
    provider = row(places=places, base_url="{base}", options=(NAMED,))
    lent = Secret("sk-lent")
    own = endpoint(provider, key=None, lent_key=lent)
    assert all(b"sk-lent" in route.headers for route in own.default_routes)
    named = bind(
        provider, Operation.CHAT, key=None, options={"base": "https://evil.example"}, custom_host=None, lent_key=lent
    )
    assert isinstance(named, Failure)
    assert named.kind is Kind.MISSING_API_KEY
    named = endpoint(
        row(places=places, base_url="{base}", options=(NAMED,), key=Key.OPTIONAL),
        key=None,
        lent_key=lent,
        base="https://evil.example",
    )
    assert not any(b"sk-lent" in route.headers for route in named.default_routes)


def test_a_place_may_serve_some_models_only() -> None:
    found = endpoint(row(places=chat_only(messages=messages_at("/messages", models=("claude", "anthropic")))))
    assert found.route_for("our-claude-5", ANTHROPIC_WIRE).dialect == ANTHROPIC_WIRE
    assert found.route_for("our-claude-5", OPENAI).dialect == OPENAI
    for model in ("llama-4", None):
        assert found.route_for(model, ANTHROPIC_WIRE).dialect == OPENAI


def test_models_with_a_route_of_their_own_are_asked_by_it_in_any_wire() -> None:
    rules = (
        ModelRouteSpec("a/", EndpointSpec("/a")),
        ModelRouteSpec("b/", EndpointSpec("/b", dialect=ANTHROPIC_WIRE, quirks=NO_QUIRKS), becomes=None),
        ModelRouteSpec("b/", EndpointSpec("/b-chat"), becomes="b-"),
    )
    found = endpoint(row(model_routes=rules))
    assert found.route_for("a/m", ANTHROPIC_WIRE).plain == "/v1/a"
    assert found.route_for("a/m", ANTHROPIC_WIRE).quirks.completes_replies
    assert found.route_for("b/m", ANTHROPIC_WIRE).plain == "/v1/b"
    assert not found.route_for("b/m", ANTHROPIC_WIRE).quirks.completes_replies
    assert found.route_for("b/m", OPENAI).plain == "/v1/b-chat"
    assert found.route_for("b/m", OPENAI).model("b/m") == "b-m"
    assert found.route_for("b/m", "gemini").plain == "/v1/b"
    assert found.route_for("m", ANTHROPIC_WIRE).plain == "/claude/v1/messages"
    assert endpoint(row(model_routes=rules), Operation.MODELS).model_routes == ()


@pytest.mark.parametrize(
    ("name", "segment"), [("gpt-5", "gpt-5"), ("a/b", "a%2Fb"), ("..", "%252E%252E"), ("{model}", "%7Bmodel%7D")]
)
def test_a_path_parameter_stays_in_its_segment(name: str, segment: str) -> None:
    route = endpoint(PROVIDERS["openai"], Operation.MODEL).default_route
    assert route.target(None, parameters={"id": name}).decode() == f"/v1/models/{segment}"
    assert b"content-type" not in route.headers


def test_quirks_of_chats_are_no_quirks_of_other_operations() -> None:
    provider = row(places=chat_and_models(Operation.EMBEDDINGS))
    assert endpoint(provider).default_route.quirks.completes_replies
    assert endpoint(provider, Operation.EMBEDDINGS).default_route.quirks is NO_QUIRKS
    mistral = endpoint(PROVIDERS["mistral-ai"], Operation.EMBEDDINGS).default_route
    assert [(rename.parameter, rename.to) for rename in mistral.quirks.renames] == [("dimensions", "output_dimension")]


@pytest.mark.parametrize(
    ("slug", "url", "credential"),
    [
        ("anthropic", "https://api.anthropic.com/v1/messages", b"x-api-key: "),
        ("dashscope", "https://dashscope-intl.aliyuncs.com/apps/anthropic/v1/messages", b"x-api-key: "),
        (
            "databricks",
            "https://unit.databricks.com/serving-endpoints/anthropic/v1/messages",
            b"authorization: Bearer ",
        ),
        ("deepseek", "https://api.deepseek.com/anthropic/v1/messages", b"x-api-key: "),
        ("fireworks-ai", "https://api.fireworks.ai/inference/v1/messages", b"authorization: Bearer "),
        ("minimax", "https://api.minimax.io/anthropic/v1/messages", b"authorization: Bearer "),
        ("moonshot", "https://api.moonshot.cn/anthropic/v1/messages", b"authorization: Bearer "),
        ("novita-ai", "https://api.novita.ai/anthropic/v1/messages", b"authorization: Bearer "),
        ("siliconflow", "https://api.siliconflow.cn/v1/messages", b"authorization: Bearer "),
        ("openrouter", "https://openrouter.ai/api/v1/messages", b"authorization: Bearer "),
        ("vercel", "https://ai-gateway.vercel.sh/v1/messages", b"authorization: Bearer "),
        ("z-ai", "https://api.z.ai/api/anthropic/v1/messages", b"authorization: Bearer "),
        ("zhipu", "https://open.bigmodel.cn/api/anthropic/v1/messages", b"authorization: Bearer "),
        ("lm-studio", "http://localhost:1234/v1/messages", b""),
        ("ollama", "http://localhost:11434/v1/messages", b""),
    ],
)
def test_messages(slug: str, url: str, credential: bytes) -> None:
    options = {"databricks_host": "unit.databricks.com"} if slug == "databricks" else {}
    found = bind(PROVIDERS[slug], Operation.CHAT, key=KEY, options=options, custom_host=None)
    assert isinstance(found, Endpoint)
    route = found.route_for("claude-sonnet-5", ANTHROPIC_WIRE)
    assert route.dialect == ANTHROPIC_WIRE
    base = Url.parse(url)
    assert (route.origin.host, route.origin.port, route.plain) == (base.origin.host, base.origin.port, base.path)
    assert b"anthropic-version: 2023-06-01\r\n" in route.headers
    assert credential + b"sk-unit\r\n" in route.headers if credential else b"sk-unit" not in route.headers


@pytest.mark.parametrize("slug", ["llamacpp", "vllm"])
def test_servers_without_an_address_take_messages_at_the_callers(slug: str) -> None:
    found = endpoint(PROVIDERS[slug], custom_host=Url.parse("http://localhost:8000/v1"))
    assert target_of(found, "m", ANTHROPIC_WIRE) == b"/v1/messages"
    count = endpoint(PROVIDERS[slug], Operation.COUNT_TOKENS, custom_host=Url.parse("http://localhost:8000/v1"))
    assert target_of(count, "m", ANTHROPIC_WIRE) == b"/v1/messages/count_tokens"


def test_claude_on_bedrock_has_two_wires() -> None:
    found = endpoint(PROVIDERS["bedrock"])
    for model in ("anthropic.claude-sonnet-5-v1:0", "eu.anthropic.claude-opus-5"):
        invoke = found.route_for(model, ANTHROPIC_WIRE)
        assert (invoke.dialect, invoke.variant) == (ANTHROPIC_WIRE, "bedrock")
        assert invoke.target("m", streams=True) == b"/model/m/invoke-with-response-stream"
        assert found.route_for(model, OPENAI).dialect == "bedrock_converse"
    for model in ("amazon.nova-lite-v1:0", "arn:aws:bedrock:us-east-1:1:application-inference-profile/x"):
        assert found.route_for(model, ANTHROPIC_WIRE).dialect == "bedrock_converse"


@pytest.mark.parametrize(
    ("slug", "url"),
    [
        ("openai", "https://api.openai.com/v1/embeddings"),
        ("dashscope", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/embeddings"),
        ("deepinfra", "https://api.deepinfra.com/v1/openai/embeddings"),
        ("fireworks-ai", "https://api.fireworks.ai/inference/v1/embeddings"),
        ("github", "https://models.github.ai/inference/embeddings"),
        ("jina", "https://api.jina.ai/v1/embeddings"),
        ("mistral-ai", "https://api.mistral.ai/v1/embeddings"),
        ("nebius", "https://api.tokenfactory.nebius.com/v1/embeddings"),
        ("novita-ai", "https://api.novita.ai/openai/v1/embeddings"),
        ("nvidia", "https://integrate.api.nvidia.com/v1/embeddings"),
        ("ollama", "http://localhost:11434/v1/embeddings"),
        ("lm-studio", "http://localhost:1234/v1/embeddings"),
        ("openrouter", "https://openrouter.ai/api/v1/embeddings"),
        ("ovhcloud", "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1/embeddings"),
        ("sambanova", "https://api.sambanova.ai/v1/embeddings"),
        ("scaleway", "https://api.scaleway.ai/v1/embeddings"),
        ("siliconflow", "https://api.siliconflow.cn/v1/embeddings"),
        ("together-ai", "https://api.together.xyz/v1/embeddings"),
        ("upstage", "https://api.upstage.ai/v1/embeddings"),
        ("vercel", "https://ai-gateway.vercel.sh/v1/embeddings"),
        ("zhipu", "https://open.bigmodel.cn/api/paas/v4/embeddings"),
    ],
)
def test_embeddings(slug: str, url: str) -> None:
    route = endpoint(PROVIDERS[slug], Operation.EMBEDDINGS).default_route
    base = Url.parse(url)
    assert (route.origin.host, route.origin.port, route.plain) == (base.origin.host, base.origin.port, base.path)
    assert route.dialect == OPENAI
    assert b"content-type: application/json\r\n" in route.headers


def test_the_openai_wire_of_google_takes_the_key_as_openai_does() -> None:
    assert b"authorization: Bearer sk-unit\r\n" in endpoint(PROVIDERS["google"], Operation.IMAGES).default_route.headers


@pytest.mark.parametrize(
    ("slug", "operation", "wire", "target"),
    [
        ("google", Operation.EMBEDDINGS, "gemini_embeddings", "/v1beta/models/m:batchEmbedContents"),
        ("cohere", Operation.EMBEDDINGS, "cohere_embeddings", "/v2/embed"),
        ("cohere", Operation.RERANK, "cohere_rerank", "/v2/rerank"),
        ("voyage", Operation.EMBEDDINGS, "voyage_embeddings", "/v1/embeddings"),
        ("voyage", Operation.RERANK, "voyage_rerank", "/v1/rerank"),
        ("bedrock", Operation.EMBEDDINGS, "bedrock_embeddings", "/model/m/invoke"),
        ("bedrock", Operation.RERANK, "bedrock_rerank", "/model/m/invoke"),
    ],
)
def test_tasks_in_a_hosts_own_wire(slug: str, operation: Operation, wire: str, target: str) -> None:
    assert wire in TASKS
    route = endpoint(PROVIDERS[slug], operation).default_route
    assert (route.dialect, route.target("m")) == (wire, target.encode())


@pytest.mark.parametrize("slug", ["anthropic", "groq", "perplexity-ai", "deepseek", "x-ai"])
def test_what_a_row_does_not_list_is_not_served(slug: str) -> None:
    failure = bind(PROVIDERS[slug], Operation.EMBEDDINGS, key=KEY, options={}, custom_host=None)
    assert failure == Failure(Kind.UNSUPPORTED_OPERATION, f"embeddings is not supported by {slug}.")
