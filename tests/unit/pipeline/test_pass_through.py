"""Requests that pass as they are: path, query and headers for the provider, and what is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from calling import call, route, target
from penstock.core.failure import Failure, Kind
from penstock.core.operation import Operation
from penstock.pipeline.call import Call
from penstock.pipeline.pass_through import pass_through
from penstock.pipeline.prepare import PreparedRequest
from penstock.routing.plan import Target

AZURE = {"resource_name": "r", "deployment_id": "d"}


def asked(
    rest: str = "a/b",
    method: str = "POST",
    resource: str | None = None,
    query: str = "",
    body: Any = None,
    **headers: Any,
) -> Call:
    made = call(body, operation=Operation.PROXY, **headers)
    made.account.method, made.parameters, made.query, made.resource = method, {"rest": rest}, query, resource
    if not rest:
        made.parameters = {}
    return made


def passed(made: Call, to: Target | None = None) -> PreparedRequest:
    prepared = pass_through(made, route(to or target("openai"), Operation.PROXY))
    assert isinstance(prepared, PreparedRequest), prepared
    return prepared


@pytest.mark.parametrize(
    ("to", "rest", "resource", "query", "sent"),
    [
        (target("openai"), "a/b", None, "", "/v1/a/b"),
        (target("openai"), "a b/ü?", None, "x=1", "/v1/a%20b/%C3%BC%3F?x=1"),
        (target("openai"), "models/m:run", None, "", "/v1/models/m:run"),
        (target("openai"), "", "files", "limit=2", "/v1/files?limit=2"),
        (target("together-ai"), "file-1/content", "files", "", "/v1/files/file-1/content"),
        (target("google"), "v1beta/files", None, "", "/v1beta/files"),
        (target("azure-openai", options=AZURE), "", "files", "", "/openai/files?api-version=2024-10-21"),
        (
            target("azure-openai", options=AZURE),
            "f",
            "files",
            "api-version=2025-01-01",
            "/openai/files/f?api-version=2025-01-01",
        ),
        (target("azure-openai", options={**AZURE, "api_version": "v1"}), "", "files", "", "/openai/v1/files"),
    ],
)
def test_where_it_goes(to: Target, rest: str, resource: str | None, query: str, sent: str) -> None:
    prepared = passed(asked(rest, "GET", resource, query), to)
    assert (prepared.method, prepared.target.decode()) == (b"GET", sent)
    assert prepared.lane == 1


@pytest.mark.parametrize(
    ("raw", "rest", "sent"),
    [
        ("a%2Fb/c", "a/b/c", "a%2Fb/c"),
        ("%41%2b%3B%zz", "A+;%zz", "%41%2b%3B%zz"),
        ("x^|\u00c3\u00bc", "x^|\u00c3\u00bc", "x%5E%7C%C3%BC"),
        ("a%2Ffile_pk_1/%63", "a/file-1/c", "a%2Ffile-1/%63"),
        ("a%2Fb", "a/b/c d", "a/b/c%20d"),
    ],
    ids=["an encoded slash", "other spellings", "what may not stand there", "a bound id", "another path"],
)
def test_the_rest_of_a_path_goes_out_as_it_came(raw: str, rest: str, sent: str) -> None:
    made = asked(rest, "GET")
    made.parameters = {"rest": rest, "raw_rest": raw}
    assert passed(made).target.decode() == f"/v1/{sent}"


def test_headers() -> None:
    made = asked(
        body={"a": 1}, authorization="Bearer sk-caller", content_type="application/json", openai_beta="assistants=v2",
        x_forwarded_for="1.2.3.4", x_portkey_provider="openai", x_api_key="secret", openai_organization="org-1",
        cookie="c", x_mine="1", user_agent="SDK/1", accept_encoding="gzip",
    )  # fmt: skip
    lines = passed(made).headers.decode().lower().splitlines()
    names = [line.partition(":")[0] for line in lines]
    assert len(names) == len(set(names))
    assert {"content-type: application/json", "openai-beta: assistants=v2", "x-mine: 1"} <= set(lines)
    assert "authorization: bearer k" in lines
    assert not set(names) & {"cookie", "x-api-key", "x-forwarded-for", "x-portkey-provider", "openai-organization"}


def test_the_method_is_the_requests_own() -> None:
    made = asked(method="GET", x_http_method_override="POST", x_http_method="POST", x_method_override="POST")
    assert b"method" not in passed(made).headers.lower()


def test_a_parameter_of_the_operators_is_not_asked_for_twice() -> None:
    made = asked("", "GET", "files", "api%2Dversion=2025-01-01")
    sent = passed(made, target("azure-openai", options=AZURE)).target
    assert sent == b"/openai/files?api%2Dversion=2025-01-01"


def test_a_body_keeps_its_bytes_unless_a_config_changes_it() -> None:
    made = asked(body={"a": 1, "model": "m"}, content_type="application/json")
    made.body = b'{"a": 1.0,  "model":"m"}'
    assert passed(made).payload is made.body
    assert passed(made).model == "m"
    changed = passed(made, target("openai", override_params={"a": b"2"}))
    assert msgspec.json.decode(changed.payload) == {"a": 2, "model": "m"}
    renamed = asked(body={"model": "m"})
    renamed.body = b'{"model": "openai/m"}'
    assert passed(renamed).payload == b'{"model":"m"}'


def test_what_is_refused() -> None:
    kept = pass_through(asked(resource="files"), route(target("cerebras"), Operation.PROXY))
    assert isinstance(kept, Failure)
    assert kept.kind is Kind.UNSUPPORTED_OPERATION
    limited = route(target("openai", key_models=("gpt-4o*",)), Operation.PROXY)
    for method in ("POST", "PUT", "PATCH"):
        refused = pass_through(asked(method=method), limited)
        assert isinstance(refused, Failure)
        assert refused.kind is Kind.NOT_ALLOWED
    assert isinstance(pass_through(asked(method="GET"), limited), PreparedRequest)
    with_body = asked(method="GET")
    with_body.body = b'{"model":"o3"}'
    assert isinstance(pass_through(with_body, limited), Failure)
    bad = pass_through(asked(x_mine="a\nb"), route(target("openai"), Operation.PROXY))
    assert isinstance(bad, Failure)
    assert bad.kind is Kind.INVALID_REQUEST


@pytest.mark.parametrize(
    ("rest", "resource"),
    [
        ("ft:o3:org::1", "models"),
        ("models/ft:o3:org::1", None),
        ("%256dodels/ft:o3:org::1", None),
        ("models;v=1/ft:o3:org::1", None),
        ("v1beta/tunedModels/mine", None),
    ],
)
def test_only_models_that_are_allowed_are_deleted(rest: str, resource: str | None) -> None:
    limited = route(target("openai", key_models=("gpt-4o*", "ft:gpt-4o*")), Operation.PROXY)
    refused = pass_through(asked(rest, "DELETE", resource), limited)
    assert isinstance(refused, Failure)
    assert refused.kind is Kind.MODEL_NOT_ALLOWED
    own = asked(rest.replace("ft:o3", "ft:gpt-4o").replace("mine", "gpt-4o"), "DELETE", resource)
    assert isinstance(pass_through(own, limited), PreparedRequest)
    assert isinstance(pass_through(asked("file-1", "DELETE", "files"), limited), PreparedRequest)
