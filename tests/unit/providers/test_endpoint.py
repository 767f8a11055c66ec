"""Binding: what is refused and how it is said, what ends up in the headers, and that no value leaves its place."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoints import target as target_of
from penstock import __version__
from penstock.core.address import AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.http import Url
from penstock.core.operation import Operation
from penstock.core.secret import Secret
from penstock.providers.endpoint import Endpoint, bind
from penstock.providers.registry import PROVIDERS
from penstock.providers.row import EndpointSpec, Option, Provider, chat_only

KEY = Secret("sk-unit")
HOST = Url.parse("http://localhost:9100/v1")


def test_half_a_character_in_a_credential_is_told() -> None:
    keys = {"aws_access_key_id": "AKID\ud800", "aws_secret_access_key": "s"}
    found = bind(PROVIDERS["bedrock"], Operation.CHAT, key=None, options=keys, custom_host=None)
    assert isinstance(found, Failure)
    assert (found.status, "half a character" in found.message) == (400, True)


def endpoint_of(
    slug: str,
    options: dict[str, str] | None = None,
    *,
    key: Secret | None = KEY,
    custom_host: Url | None = None,
    operation: Operation = Operation.CHAT,
) -> Endpoint:
    result = bind(PROVIDERS[slug], operation, key=key, options=options or {}, custom_host=custom_host)
    assert isinstance(result, Endpoint), result
    return result


def failure_of(
    slug: str,
    options: dict[str, str] | None = None,
    *,
    key: Secret | None = KEY,
    operation: Operation = Operation.CHAT,
) -> Failure:
    result = bind(PROVIDERS[slug], operation, key=key, options=options or {}, custom_host=None)
    assert isinstance(result, Failure), result
    return result


def test_the_header_block() -> None:
    options = {"openai_organization": "org-1", "openai_beta": "assistants=v2"}
    assert endpoint_of("openai", options).default_route.headers.split(b"\r\n") == [
        b"content-type: application/json",
        b"user-agent: penstock/" + __version__.encode(),
        b"authorization: Bearer sk-unit",
        b"OpenAI-Organization: org-1",
        b"OpenAI-Beta: assistants=v2",
        b"",
    ]


def test_headers_of_a_virtual_key_are_added_in_place_of_others() -> None:
    own = {"authorization": Secret("Token own"), "x-tenant": Secret("acme"), "user-agent": Secret("ours/1")}
    endpoint = bind(PROVIDERS["openai"], Operation.CHAT, key=None, options={}, custom_host=None, custom_headers=own)
    assert isinstance(endpoint, Endpoint), endpoint
    assert endpoint.default_route.headers.split(b"\r\n") == [
        b"content-type: application/json",
        b"authorization: Token own",
        b"x-tenant: acme",
        b"user-agent: ours/1",
        b"",
    ]


def test_a_signed_request_has_no_other_authorization() -> None:
    keys, own = {"aws_access_key_id": "AKID", "aws_secret_access_key": "s"}, {"authorization": Secret("t")}
    found = bind(PROVIDERS["bedrock"], Operation.CHAT, key=None, options=keys, custom_host=None, custom_headers=own)
    assert isinstance(found, Failure)
    assert (found.status, found.param) == (400, "custom_headers")


def test_a_request_without_a_body_declares_none() -> None:
    endpoint = endpoint_of("openai", operation=Operation.MODELS)
    assert target_of(endpoint, None) == b"/v1/models"
    assert b"content-type" not in endpoint.default_route.headers


def test_row_hosts_are_trusted_and_hosts_that_callers_name_are_not() -> None:
    assert endpoint_of("openai").default_route.origin.trusted
    assert endpoint_of("ollama").default_route.origin.trusted
    assert not endpoint_of("openai", custom_host=HOST).default_route.origin.trusted
    assert endpoint_of("huggingface").default_route.origin.trusted
    named = endpoint_of("huggingface", {"huggingface_base_url": "https://x.endpoints.huggingface.cloud/"})
    assert (named.default_route.origin.host, named.default_route.origin.trusted) == (
        "x.endpoints.huggingface.cloud",
        False,
    )
    assert named.default_route.plain == "/v1/chat/completions"


def test_no_provider_address() -> None:
    failure = failure_of("vllm")
    assert (failure.kind, failure.param) == (Kind.INVALID_CONFIG, "x-portkey-custom-host")
    assert target_of(endpoint_of("vllm", custom_host=HOST, key=None), "m") == b"/v1/chat/completions"


def test_an_operation_that_the_provider_lacks() -> None:
    failure = failure_of("perplexity-ai", operation=Operation.MODELS)
    assert failure == Failure(Kind.UNSUPPORTED_OPERATION, "models is not supported by perplexity-ai.")


@pytest.mark.parametrize(
    ("slug", "options", "header", "words"),
    [
        ("cortex", {}, "x-portkey-snowflake-account", "needs snowflake_account"),
        ("cortex", {"snowflake_account": "a/b"}, "x-portkey-snowflake-account", "must match"),
        ("predibase", {"predibase_tenant_id": ".."}, "x-portkey-predibase-tenant-id", "must match"),
        ("azure-ai", {}, "x-portkey-azure-foundry-url", "needs azure_foundry_url"),
        ("azure-ai", {"azure_foundry_url": "http://unit.example.com"}, "x-portkey-azure-foundry-url", "must match"),
        ("azure-ai", {"azure_foundry_url": "https://a@b.example.com"}, "x-portkey-azure-foundry-url", "must match"),
        ("databricks", {"databricks_host": "databricks.com.evil.io"}, "x-portkey-databricks-host", "must match"),
        ("openai", {"openai_project": "p\r\nx: y"}, "x-portkey-openai-project", "control character"),
    ],
)
def test_options_that_are_missing_or_wrong(slug: str, options: dict[str, str], header: str, words: str) -> None:
    failure = failure_of(slug, options)
    assert (failure.kind, failure.param) == (Kind.INVALID_CONFIG, header)
    assert words in failure.message
    assert not any(value in failure.message for value in options.values())


@pytest.mark.parametrize("key", ["sk\r\nx-evil: 1", "sk\x00", "sk\x7f", "sk\ud800"])
def test_a_key_that_is_no_header_value_is_refused_unseen(key: str) -> None:
    failure = failure_of("openai", key=Secret(key))
    assert (failure.kind, failure.param) == (Kind.INVALID_CONFIG, "api_key")
    assert key not in failure.message


def test_a_missing_key_is_asked_for_even_where_no_variable_is_known() -> None:
    failure = bind(
        LOOSE, Operation.CHAT, key=None, options={"tenant": "t", "version": "1", "label": "l"}, custom_host=None
    )
    assert isinstance(failure, Failure)
    assert failure.kind is Kind.MISSING_API_KEY
    assert failure.message.endswith("or set api_key in the config.")


def test_no_key_is_demanded_from_a_custom_host_but_a_given_one_is_sent() -> None:
    assert b"authorization" not in endpoint_of("openai", key=None, custom_host=HOST).default_route.headers
    assert b"Bearer sk-unit" in endpoint_of("openai", custom_host=HOST).default_route.headers


@pytest.mark.parametrize(
    ("options", "custom_host", "sent"),
    [
        ({}, None, True),
        ({}, HOST, False),
        ({"huggingface_base_url": "https://models.example.com"}, None, False),
    ],
)
def test_the_operators_key_goes_to_the_providers_own_address_only(
    options: dict[str, str], custom_host: Url | None, *, sent: bool
) -> None:
    row = PROVIDERS["huggingface"]
    result = bind(row, Operation.CHAT, key=None, options=options, custom_host=custom_host, lent_key=Secret("sk-lent"))
    assert sent == (isinstance(result, Endpoint) and b"sk-lent" in result.default_route.headers)


def test_the_callers_key_goes_before_the_operators() -> None:
    result = bind(PROVIDERS["groq"], Operation.CHAT, key=KEY, options={}, custom_host=None, lent_key=Secret("sk-lent"))
    assert isinstance(result, Endpoint)
    assert b"sk-unit" in result.default_route.headers
    assert b"sk-lent" not in result.default_route.headers


def test_the_query_of_a_custom_host_stays() -> None:
    url = Url.parse("https://models.example.com/base?tenant=a%20b")
    assert target_of(endpoint_of("openai", custom_host=url), "m") == b"/base/chat/completions?tenant=a%20b"


def test_what_a_custom_host_holds_beyond_ascii_is_encoded() -> None:
    url = Url.parse("https://models.example.com/é\ud800/a%2Fb?q=ü")
    assert target_of(endpoint_of("openai", custom_host=url), "m") == b"/%C3%A9%ED%A0%80/a%2Fb/chat/completions?q=%C3%BC"


@pytest.mark.parametrize("given", ["true", "false", "TRUE"])
def test_mistral_fills_in_the_middle_on_request(given: str) -> None:
    path = endpoint_of("mistral-ai", {"mistral_fim_completion": given}).default_route.plain
    assert path == ("/v1/fim/completions" if given == "true" else "/v1/chat/completions")


NAMES = st.text(max_size=40) | st.sampled_from(
    [".", "..", "%2e%2e", "a/../../b", "x?y#z", "{model}", "a\r\nb", "\ud800"]
)


@given(NAMES)
def test_a_model_stays_in_its_segment(model: str) -> None:
    endpoint = endpoint_of("predibase", {"predibase_tenant_id": "t"})
    target = target_of(endpoint, model)
    assert target.isascii()
    assert target.decode().isprintable()
    before, _, rest = target.partition(b"/llms/")
    segment, _, after = rest.partition(b"/")
    assert (before, after) == (b"/t/deployments/v2", b"v1/chat/completions")
    assert b"?" not in target
    assert b"#" not in target
    assert segment not in {b".", b".."}
    assert unquote(segment.decode()) not in {".", ".."}


LOOSE = Provider(
    "loose",
    "Loose",
    "https://api.example.com/v1",
    "https://example.com",
    {Operation.CHAT: (EndpointSpec("/tenants/{tenant}/chat?stable=1&version={version}"),)},
    options=(
        Option("tenant", "tenant"),
        Option("version", "version"),
        Option("label", "label", upstream_header="x-label"),
    ),
)
"""A row that is laxer than any real one: its options have no patterns, so encoding alone must hold."""


@given(tenant=NAMES, version=NAMES, label=NAMES)
def test_an_option_stays_in_its_place(tenant: str, version: str, label: str) -> None:
    options = {"tenant": tenant, "version": version, "label": label}
    endpoint = bind(LOOSE, Operation.CHAT, key=KEY, options=options, custom_host=None)
    if isinstance(endpoint, Failure):
        assert endpoint.param == "x-portkey-label"
        return
    assert endpoint.default_route.headers.count(b"\r\n") == len(endpoint.default_route.headers.splitlines()) == 4
    assert (
        endpoint.default_route.origin.scheme,
        endpoint.default_route.origin.host,
        endpoint.default_route.origin.port,
    ) == ("https", "api.example.com", 443)
    parts = urlsplit(target_of(endpoint, "m").decode())
    assert parts.path.count("/") == 4
    assert unquote(parts.path.split("/")[3]) not in {".", ".."}
    assert parts.path.endswith("/chat")
    assert parts.query.startswith("stable=1&version=")
    assert parts.query.count("&") == 1
    assert not parts.fragment


@pytest.mark.parametrize("slug", ["azure-openai", "azure-ai", "cortex", "databricks", "huggingface", "predibase"])
@given(data=st.data())
def test_no_value_of_a_real_option_changes_the_host(slug: str, data: st.DataObject) -> None:
    row = PROVIDERS[slug]
    options = {option.name: data.draw(NAMES) for option in row.options if not option.names_host}
    if slug == "azure-ai":
        options["azure_foundry_url"] = "https://unit.services.ai.azure.com"
    endpoint = bind(row, Operation.CHAT, key=KEY, options=options, custom_host=None)
    if isinstance(endpoint, Endpoint):
        domain = {
            "azure-openai": ".openai.azure.com",
            "azure-ai": "unit.services.ai.azure.com",
            "cortex": ".snowflakecomputing.com",
            "databricks": "databricks",
            "huggingface": "router.huggingface.co",
            "predibase": "serving.app.predibase.com",
        }[slug]
        assert domain in endpoint.default_route.origin.host
        assert endpoint.default_route.origin.scheme == "https"


@given(st.from_regex(r"[A-Za-z0-9._/:@?#%\[\]-]{0,60}", fullmatch=True).map("https://".__add__))
def test_a_base_url_that_a_caller_names_is_plain_and_untrusted(text: str) -> None:
    result = bind(PROVIDERS["azure-ai"], Operation.CHAT, key=KEY, options={"azure_foundry_url": text}, custom_host=None)
    if isinstance(result, Endpoint):
        assert not result.default_route.origin.trusted
        assert result.default_route.origin.port == 443
        assert result.default_route.origin.host == text.removeprefix("https://").partition("/")[0].lower()


def test_chat_only_rows_say_so() -> None:
    assert PROVIDERS["perplexity-ai"].places == chat_only()


HOSTS_OF_CALLERS = {"huggingface": "huggingface_base_url", "azure-ai": "azure_foundry_url"}


@pytest.mark.parametrize(("slug", "option"), HOSTS_OF_CALLERS.items())
@pytest.mark.parametrize(
    "host",
    [
        "metadata.google.internal", "0x7f.1", "0251.0376.0251.0376", "169.254.169.254", "127.0.0.1", "10.0.0.1",
        "168.63.129.16", "localhost.localdomain", "kubernetes.default.svc.cluster.local", "vllm.internal",
    ],
)  # fmt: skip
def test_a_base_url_among_the_options_is_judged_as_a_custom_host_is(slug: str, option: str, host: str) -> None:
    result = bind(PROVIDERS[slug], Operation.CHAT, key=KEY, options={option: f"https://{host}/v1"}, custom_host=None)
    assert isinstance(result, Failure)
    assert (result.kind, result.param) == (Kind.INVALID_CUSTOM_HOST, f"x-portkey-{option.replace('_', '-')}")
    assert "trusted_hosts" in result.message


def test_a_base_url_may_name_a_host_that_the_operator_trusts() -> None:
    policy = AddressPolicy(("*.internal",))
    options = {"huggingface_base_url": "https://tgi.internal"}
    result = bind(PROVIDERS["huggingface"], Operation.CHAT, key=KEY, options=options, custom_host=None, policy=policy)
    assert isinstance(result, Endpoint)
    assert not result.default_route.origin.trusted


def test_every_option_that_names_a_host_is_covered() -> None:
    rows = {slug: option.name for slug, row in PROVIDERS.items() for option in row.options if option.names_host}
    assert rows == HOSTS_OF_CALLERS


@pytest.mark.parametrize(
    ("slug", "options", "is_named", "named"),
    [
        ("databricks", {"databricks_host": "acme.cloud.databricks.com"}, True, True),
        ("databricks", {"databricks_host": "acme.cloud.databricks.com"}, False, False),
        ("bedrock", {"aws_access_key_id": "a", "aws_secret_access_key": "b"}, True, False),
        ("bedrock", {"aws_access_key_id": "a", "aws_secret_access_key": "b", "aws_region": "eu-west-1"}, True, True),
        ("openai", {}, True, False),
    ],
)
def test_which_of_a_providers_hosts_are_named_by_callers(
    slug: str, options: dict[str, str], is_named: bool, named: bool
) -> None:
    row = PROVIDERS[slug]
    result = bind(row, Operation.CHAT, key=KEY, options=options, custom_host=None, is_named=is_named)
    assert isinstance(result, Endpoint)
    origin = result.default_route.origin
    assert (origin.trusted, origin.named) == (True, named)
