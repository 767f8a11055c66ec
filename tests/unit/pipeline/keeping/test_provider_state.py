"""What providers keep is at one target: which one, and how ids say it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calling import call, target
from penstock.core.failure import Failure, Kind
from penstock.core.operation import Operation
from penstock.core.secret import Secret
from penstock.dialects.registry import CALLERS
from penstock.pipeline.call import Call
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.pipeline.keeping.provider_state import (
    account_of,
    bound_json,
    holds_no_ids,
    is_named_alone,
    read_ids,
    refused_list,
    with_one_target,
)
from penstock.routing.plan import Fallback, Target

ONE, TWO = target("openai"), target("groq", api_key=Secret("other"))
SEVERAL = CompiledPlan(Fallback("config", (ONE, TWO)))
SECRET = (b"of the gateway",)


def asked(rest: str = "", method: str = "POST", query: str = "", body: Any = None) -> Call:
    made = call(body, operation=Operation.PROXY)
    made.account.method, made.query, made.resource = method, query, "files"
    made.parameters = {"rest": rest} if rest else {}
    return made


def at_one(
    made: Call, plan: CompiledPlan | Failure = SEVERAL, secret: tuple[bytes, ...] = (), **more: Any
) -> CompiledPlan | Failure:
    read_ids(made, secret)
    return with_one_target(made, plan, secret, **more)


def chosen(made: Call, secret: tuple[bytes, ...] = SECRET, plan: CompiledPlan = SEVERAL) -> Target:
    compiled = at_one(made, plan, secret)
    assert isinstance(compiled, CompiledPlan), compiled
    assert compiled.routes is plan.routes
    assert isinstance(compiled.plan, Target)
    return compiled.plan


def bound(raw: str, to: Target) -> str:
    """The id that a caller gets for what a target has made."""
    made = asked()
    assert chosen(made, plan=CompiledPlan(Fallback("config", (to, TWO if to is ONE else ONE)))) == to
    assert made.bind is not None
    return made.bind(to)(raw)


@pytest.mark.parametrize(
    ("body", "more", "holds_none"),
    [
        ({}, {}, True),
        ({"store": True, "include": []}, {}, True),
        ({"previous_response_id": "resp_1"}, {}, False),
        ({"previous_response_id": None}, {}, False),
        ({"conversation": "conv_1"}, {}, False),
        ({"tools": [{"vector_store_ids": ["vs_pk_1"]}]}, {}, False),
        ({}, {"parameters": {"id": "resp_1"}}, False),
        ({}, {"query": "after=a"}, False),
        ({}, {"resource": "files"}, False),
    ],
)
def test_most_responses_name_nothing_that_is_kept(body: Any, more: dict[str, Any], holds_none: bool) -> None:
    made = call({"model": "m", "input": "Hi", **body}, CALLERS["responses"])
    for name, value in more.items():
        setattr(made, name, value)
    assert holds_no_ids(made) is holds_none


@pytest.mark.parametrize("plan", [CompiledPlan(ONE), SEVERAL, Failure(Kind.MISSING_PROVIDER, "none")])
@pytest.mark.parametrize("named_in", ["", "path", "model"])
@pytest.mark.parametrize("names", [False, True])
def test_a_response_at_a_target_that_its_caller_names_keeps_its_plan(
    plan: CompiledPlan | Failure, named_in: str, names: bool
) -> None:
    made = call({"model": "m", "input": "Hi"}, CALLERS["responses"])
    made.named_in, made.fields = named_in, {b"x-portkey-provider": b"openai"} if names else {}
    expected = isinstance(plan, CompiledPlan) and plan.plan is ONE and named_in != "model" and bool(named_in or names)
    assert is_named_alone(made, plan) is expected
    if expected:
        assert at_one(made, plan, SECRET) is plan
        assert made.bind is None


def test_without_a_secret_only_what_is_made_has_a_target() -> None:
    made = asked()
    assert chosen(made, ()) == ONE
    assert made.bind is None
    for each in (asked("file-1"), asked("", "GET")):
        failure = at_one(each, SEVERAL)
        assert isinstance(failure, Failure)
        assert "2 targets" in failure.message
    assert chosen(asked("file-1", "GET"), (), CompiledPlan(ONE)) == ONE


def test_bound_ids_say_the_target() -> None:
    name = bound("file-1", TWO)
    made = asked(f"{name}/content", "GET", f"after={bound('file-0', TWO)}&limit=2")
    assert chosen(made) == TWO
    assert (made.parameters, made.query) == ({"rest": "file-1/content"}, "after=file-0&limit=2")
    batch = asked(body={"input_file_id": name, "n": 1})
    assert chosen(batch) == TWO
    assert json.loads(batch.body) == {"input_file_id": "file-1", "n": 1}
    assert batch.request is not None
    assert batch.request.body.text("input_file_id") == "file-1"


def test_ids_that_are_refused() -> None:
    one, two = bound("file-1", ONE), bound("file-2", TWO)
    for made, secret, status in (
        (asked(two, "GET"), (), 400),
        (asked(two, "GET"), (b"another",), 404),
        (asked(one, "POST", body={"file_id": two}), SECRET, 400),
        (asked(two + "x", "GET"), SECRET, 404),
        (asked(bound("file-1", target("nebius")), "GET"), SECRET, 409),
    ):
        failure = at_one(made, SEVERAL, secret)
        assert isinstance(failure, Failure)
        assert failure.status == status
    alone = at_one(asked(two, "GET"), CompiledPlan(ONE), SECRET)
    assert isinstance(alone, Failure)
    assert alone.kind is Kind.TARGET_GONE
    for kind, told in ((Kind.NOT_ALLOWED, Kind.TARGET_GONE), (Kind.INVALID_CONFIG, Kind.INVALID_CONFIG)):
        refused = at_one(asked(two, "GET"), Failure(kind, "Not any more."), SECRET)
        assert isinstance(refused, Failure)
        assert refused.kind is told
        assert "Not any more." in refused.message
    plain = Failure(Kind.NOT_ALLOWED, "No.")
    assert at_one(asked("file-1", "GET"), plain, SECRET) is plain


def test_replies_that_are_no_objects_stay() -> None:
    made = asked()
    chosen(made)
    assert made.bind is not None
    change = made.bind(ONE)
    assert bound_json(b"no json", change) == b"no json"
    once = bound_json(b'{"id":"file-1"}', change)
    assert b"file_pk_" in once
    assert bound_json(once, change) == once


@pytest.mark.parametrize(
    ("resource", "rest", "method", "is_file"),
    [
        ("files", "{}/content", "GET", True),
        ("skills", "{}/versions/2/content", "GET", True),
        ("videos", "{}/content", "GET", True),
        ("batches", "{}/output", "GET", True),
        ("messages/batches", "{}/results", "GET", True),
        ("v1beta/files", "{}:download", "GET", True),
        ("files", "{}", "GET", False),
        ("files", "content", "GET", False),
        ("files", "{}/content", "POST", False),
        ("vector_stores", "vs_1/files/{}/content", "GET", False),
    ],
)
def test_the_bytes_of_a_file_stay(resource: str, rest: str, method: str, is_file: bool) -> None:
    """Also those of JSON: what looks like an id in them is none of the gateway's."""
    made = asked(rest.format(bound("file-1", ONE)), method)
    made.resource = resource
    if rest == "content":
        made = asked(rest, method, body={"file_id": bound("file-1", ONE)})
    chosen(made)
    assert (made.bind is None) is is_file


# Responses: what is made may go anywhere, what is named is at one target.

FIRST, SECOND, CHATS = target("openai"), target("openai", api_key=Secret("other")), target("groq", path="third")
TWO_HOSTS = CompiledPlan(Fallback("config", (FIRST, SECOND)))


def response(
    body: Any = None, *, of: str = "", operation: Operation = Operation.CHAT, method: str = "POST", where: str = ""
) -> Call:
    made = call(body, dialect=CALLERS["responses"], operation=operation)
    made.account.method, made.named_in = method, where
    made.parameters = {"id": of} if of else {}
    return made


def name_of(raw: str, to: Target, plan: CompiledPlan = TWO_HOSTS) -> str:
    made = response({"model": "m", "input": "Hi"})
    assert at_one(made, plan, SECRET) is plan
    assert made.bind is not None
    return made.bind(to)(raw)


def test_what_is_made_goes_where_the_plan_says() -> None:
    for plan in (TWO_HOSTS, CompiledPlan(FIRST)):
        made = response({"model": "m", "input": "Hi"})
        assert at_one(made, plan) is plan
        assert made.bind is None


@pytest.mark.parametrize(
    ("where", "named", "has_default", "is_bound"),
    [
        ("", False, False, True),  # the provider that is usual at the path
        ("model", False, False, True),
        ("model", False, True, True),
        ("id", False, False, False),
        ("path", False, False, False),
        ("", True, False, False),
        ("", False, True, False),
    ],
)
def test_ids_are_bound_where_the_next_request_may_not_name_the_target(
    where: str, named: bool, has_default: bool, is_bound: bool
) -> None:
    made = response({"model": "m"}, where=where)
    if named:
        made.fields = {b"x-portkey-provider": b"openai"}
    plan = CompiledPlan(FIRST)
    assert at_one(made, plan, SECRET, has_default=has_default) is plan
    assert (made.bind is not None) is is_bound


def test_a_bound_id_says_who_is_asked() -> None:
    for to, config, name in (
        (FIRST, None, "openai"),
        (target("openai", virtual_key="team"), None, "@team"),
        (target("openai", virtual_key="team"), "main", "c/main"),
    ):
        made = response({"model": "m"}, where="model")
        at_one(made, CompiledPlan(to, config), SECRET)
        assert made.bind is not None
        later = response(of=made.bind(to)("resp_1"), operation=Operation.RESPONSE, method="GET")
        read_ids(later, SECRET)
        assert later.ids is not None
        assert (later.ids.name, later.parameters) == (name, {"id": "resp_1"})


def test_a_foreign_id_of_a_request_that_names_nothing() -> None:
    nothing = Failure(Kind.MISSING_PROVIDER, "Name one.")
    foreign = at_one(asked(f"file_pk_{'x' * 40}", "GET"), nothing, SECRET)
    assert isinstance(foreign, Failure)
    assert foreign.kind is Kind.NOT_FOUND
    assert at_one(asked("file-1", "GET"), nothing, SECRET) is nothing


@pytest.mark.parametrize("body", [{"previous_response_id": "resp_1"}, {"conversation": {"id": "conv_1"}}])
@pytest.mark.parametrize("secret", [(), SECRET])
def test_an_id_of_several_accounts_is_refused(body: Any, secret: tuple[bytes, ...]) -> None:
    for made in (response(body), response(of="resp_1", operation=Operation.RESPONSE, method="GET")):
        failure = at_one(made, TWO_HOSTS, secret, keeps=lambda _: True)
        assert isinstance(failure, Failure)
        assert failure.status == 400
        assert "2 targets" in failure.message
    same = CompiledPlan(Fallback("config", (FIRST, FIRST)))
    assert at_one(response(body), same, secret) is same


def test_only_one_of_the_hosts_may_keep_responses() -> None:
    plan = CompiledPlan(Fallback("config", (CHATS, SECOND)))
    compiled = at_one(response({"previous_response_id": "resp_1"}), plan, keeps=lambda each: each.provider == "openai")
    assert isinstance(compiled, CompiledPlan)
    assert compiled.plan == SECOND


@pytest.mark.parametrize("member", ["previous_response_id", "conversation"])
def test_a_bound_id_in_a_body_says_the_target(member: str) -> None:
    bound_id = name_of("resp_1", SECOND)
    value: Any = bound_id if member == "previous_response_id" else {"id": bound_id}
    made = response({"model": "m", "input": [{"n": 1.50}], member: value})
    assert chosen(made, plan=TWO_HOSTS) == SECOND
    assert made.request is not None
    raw = "resp_1" if member == "previous_response_id" else {"id": "resp_1"}
    assert made.request.body.value(member) == raw
    assert made.bind is not None


def test_a_bound_id_in_a_path_says_the_target() -> None:
    for operation, method in ((Operation.RESPONSE, "GET"), (Operation.RESPONSE_CANCEL, "POST")):
        made = response(of=name_of("resp_1", SECOND), operation=operation, method=method)
        assert account_of(chosen(made, plan=TWO_HOSTS)) == account_of(SECOND)
        assert made.parameters == {"id": "resp_1"}


@pytest.mark.parametrize(
    ("resource", "rest"),
    [
        ("files", ""),
        ("batches", ""),
        ("messages/batches", ""),
        ("fine_tuning", "jobs"),
        (None, "files"),
        (None, "v1/Files/"),
        (None, "openai/v1/fine_tuning/jobs"),
        (None, "v1/f%69les"),
        (None, "v1\\files;x=1"),
        ("v1beta/cachedContents", ""),
        (None, "v1beta/cachedContents"),
        (None, "v1beta/fileSearchStores"),
        (None, "v1/embed-jobs"),
    ],
)
def test_lists_of_an_account_are_refused(resource: str | None, rest: str) -> None:
    made = asked(rest, "GET")
    made.resource = resource
    failure = refused_list(made)
    assert isinstance(failure, Failure)
    assert failure.kind is Kind.NOT_ALLOWED


@pytest.mark.parametrize(
    ("resource", "rest", "method"),
    [
        ("files", "", "POST"),
        ("files", "file-1", "GET"),
        ("files", "file-1/content", "GET"),
        ("vector_stores", "vs_1/files", "GET"),
        ("fine_tuning", "jobs/ftjob-1/checkpoints", "GET"),
        (None, "models", "GET"),
        (None, "files", "POST"),
    ],
)
def test_what_is_named_and_what_is_made_is_no_list(resource: str | None, rest: str, method: str) -> None:
    made = asked(rest, method)
    made.resource = resource
    assert refused_list(made) is None
