"""What the gateway listens to, and whose words refuse what isn't there."""

from __future__ import annotations

import time

import pytest

from penstock.core.operation import Operation
from penstock.dialects.registry import CALLERS
from penstock.server.bodies.media_types import BodyKind
from penstock.server.surface_table import Match
from penstock.server.surfaces import (
    DEFAULT_DIALECT,
    METHODS,
    SURFACES,
    dialect_of,
    find,
    in_callers_wire,
    passed,
)

OPENAI, ANTHROPIC, GEMINI = CALLERS["openai_chat"], CALLERS["anthropic"], CALLERS["gemini"]


def found(method: str, path: str) -> Match:
    match = SURFACES.find(method, path)
    assert isinstance(match, Match), match
    return match


@pytest.mark.parametrize(
    ("method", "path", "operation", "dialect", "provider"),
    [
        ("POST", "/v1/chat/completions", Operation.CHAT, OPENAI, None),
        ("GET", "/v1/models", Operation.MODELS, OPENAI, None),
        ("GET", "/v1/models/gpt-5", Operation.MODEL, OPENAI, None),
        ("POST", "/v1/embeddings", Operation.EMBEDDINGS, OPENAI, None),
        ("POST", "/v1/messages", Operation.CHAT, ANTHROPIC, "anthropic"),
        ("POST", "/v1/messages/count_tokens", Operation.COUNT_TOKENS, ANTHROPIC, "anthropic"),
        ("POST", "/v1beta/models/m:generateContent", Operation.CHAT, GEMINI, "google"),
        ("POST", "/v1/a/b:c:streamGenerateContent", Operation.CHAT, GEMINI, "google"),
        ("POST", "/v1alpha/models/m:countTokens", Operation.COUNT_TOKENS, GEMINI, "google"),
        ("POST", "/v1/projects/p/locations/l/publishers/google/models/m:generateContent", Operation.CHAT, GEMINI, None),
        ("GET", "/v1beta/models", Operation.MODELS, GEMINI, "google"),
        ("GET", "/v1beta/models/a/b", Operation.MODEL, GEMINI, "google"),
    ],
)
def test_the_surfaces(method: str, path: str, operation: Operation, dialect: object, provider: str | None) -> None:
    match = found(method, path)
    assert (match.surface.operation, match.surface.default_provider) == (operation, provider)
    assert match.surface.dialect is dialect
    assert (match.surface.body is BodyKind.NONE) is not operation.has_body


@pytest.mark.parametrize("model", ["gpt-5", "org/model", "a/b/c", "models", ".", "ü {id}"])
def test_the_last_parameter_takes_the_rest_of_the_path(model: str) -> None:
    assert found("GET", f"/v1/models/{model}").parameters == {"id": model}


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/models/", "/v1/chat/completions/", "/v1/messages/batch", "/v1/x"])
def test_paths_that_there_are_not(path: str) -> None:
    assert SURFACES.find("GET", path) is None


def test_another_method_is_told_the_ones_that_there_are() -> None:
    assert SURFACES.find("GET", "/v1/embeddings") == "POST"
    assert SURFACES.find("PUT", "/v1/models/gpt-5") == "GET, DELETE"
    assert SURFACES.find("PUT", "/v1/chat/completions/chatcmpl-1") == "GET, POST, DELETE"


@pytest.mark.parametrize(
    ("fields", "query", "dialect"),
    [
        ({}, "", OPENAI),
        ({b"anthropic-version": b"1", b"x-goog-api-key": b"k"}, "limit=1000", ANTHROPIC),
        ({b"x-goog-api-client": b"x"}, "", GEMINI),
        ({}, "a=1&pageSize=5", GEMINI),
        ({}, "xkey=5", OPENAI),
    ],
)
def test_a_list_is_in_the_wire_of_the_client(fields: dict[bytes, bytes], query: str, dialect: object) -> None:
    for path in ("/v1/models", "/v1/models/m"):
        assert in_callers_wire(found("GET", path), fields, query).surface.dialect is dialect
    chat = found("POST", "/v1/chat/completions")
    assert in_callers_wire(chat, fields, query) is chat


def test_the_model_is_what_stands_before_the_last_colon() -> None:
    match = found("POST", "/v1/models/@vk/a:b:streamGenerateContent")
    assert (match.parameters["model"], match.surface.streams) == ("@vk/a:b", True)


def test_all_paths_are_told_once() -> None:
    assert len(set(SURFACES.paths)) == len(SURFACES.paths)
    assert {"/v1/messages", "/v1/models", "/v1/models/{id}"} <= set(SURFACES.paths)


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/messages", ANTHROPIC),
        ("/v1/messages/batches", ANTHROPIC),
        ("/v1/messages/count_tokens/x", ANTHROPIC),
        ("/v1/messages_of_mine", OPENAI),
        ("/v1/chat/completions", OPENAI),
        ("/v1/chat/completions/1", OPENAI),
        ("/anything", DEFAULT_DIALECT),
    ],
)
def test_in_whose_words_a_path_is_refused(path: str, dialect: object) -> None:
    assert dialect_of(path) is dialect


def test_what_of_a_query_goes_on() -> None:
    assert found("POST", "/v1/messages").surface.forwarded_query == frozenset({"beta"})
    assert not found("POST", "/v1/chat/completions").surface.forwarded_query


def test_what_providers_keep() -> None:
    match = found("DELETE", "/v1/files/file-1")
    assert (match.surface.operation, match.surface.resource) == (Operation.PROXY, "files")
    assert match.parameters == {"rest": "file-1"}
    assert found("GET", "/v1/threads/t/messages").parameters == {"rest": "t/messages"}
    batches = found("GET", "/v1/messages/batches/b/results").surface
    assert (batches.dialect, batches.default_provider) == (ANTHROPIC, "anthropic")
    assert found("GET", "/v1/chat/completions").surface.resource == "chat/completions"


@pytest.mark.parametrize("method", METHODS)
def test_any_other_path_below_v1_passes(method: str) -> None:
    match = passed(method, "/v1/some/thing:run")
    assert match is not None
    assert (match.surface.operation, match.parameters) == (Operation.PROXY, {"rest": "some/thing:run"})
    assert match.surface.forwarded_query is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("HEAD", "/v1/x"),
        ("POST", "/v2/x"),
        ("POST", "/v1/"),
        ("POST", "/v1"),
        ("POST", "/v1/a//b"),
        ("POST", "/v1/a/../b"),
        ("POST", "/v1/./b"),
        ("POST", "/v1/chat/completion"),
        ("POST", "/v1/embedding"),
    ],
)
def test_what_does_not_pass(method: str, path: str) -> None:
    assert passed(method, path) is None


@pytest.mark.parametrize(
    "path",
    [
        "a/..;/b",
        "a/..;x=1",
        "a/..\\b",
        "..\\..",
        "a/%2e%2e/b",
        "a/%252e./b",
        "a/.%25252e/b",
        "a/%2e%2e%2fb",
        "a/%5c..",
        "a/.\t./b",
        "./a",
    ],
)
def test_dots_as_any_host_may_read_them(path: str) -> None:
    assert passed("GET", f"/v1/{path}") is None
    assert SURFACES.find("GET", f"/v1/proxy/{path}") is None


@pytest.mark.parametrize(
    ("method", "path", "name", "rest"),
    [
        ("POST", "/chat/completions", None, "/v1/chat/completions"),
        ("POST", "/@groq//v1/v1/messages/", "groq", "/v1/messages"),
        ("GET", "/models", None, "/v1/models"),
        ("GET", "//api/tags", None, "/api/tags"),
        ("POST", "//model/m/converse", None, "/model/m/converse"),
        ("POST", "/models/a/b:generateContent", None, "/v1/models/a/b:generateContent"),
    ],
)
def test_a_slip_of_the_base_url_is_forgiven(method: str, path: str, name: str | None, rest: str) -> None:
    match, *others = find(method, path)
    assert match == SURFACES.find(method, rest)
    assert others == [name, rest]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/proxy/a//b",
        "/v1//proxy/a",
        "/proxy/a",
        "/files",
        "/v1/files/",
        "/v1/v1/files",
        "/health",
        "/configs",
        "/",
        "",
    ],
)
def test_what_passes_as_it_is_and_other_paths_are_taken_at_their_word(path: str) -> None:
    assert find("GET", path)[0] is None


def test_files_of_anthropics_clients() -> None:
    match = found("GET", "/v1/files/f")
    own = in_callers_wire(match, {b"anthropic-version": b"1"}, "").surface
    assert (own.dialect.name, own.default_provider, own.resource) == ("anthropic", "anthropic", "files")
    assert in_callers_wire(match, {}, "") is match


@pytest.mark.parametrize(
    ("path", "wire"),
    [
        ("/x/models/a:b", "gemini"),
        ("/x/models/a:b:generateContent", "gemini"),
        ("/x/models/:b", "openai_chat"),
        ("/x/models/a:", "openai_chat"),
        ("/x/models/a:b!", "openai_chat"),
        ("/x/a:b", "openai_chat"),
        ("/async-invoke", "bedrock_converse"),
        ("/v1/chat", "cohere"),
        ("/v1/chat/x", "openai_chat"),
    ],
)
def test_a_verb_behind_a_model_is_geminis(path: str, wire: str) -> None:
    assert dialect_of(path).name == wire


def test_a_long_path_takes_no_time() -> None:
    """Whoever has no key can send it: steps grow with its length, and not with its square."""
    path = "/x" + "/models/" * 3000 + ":" * 36_000 + "!"
    began = time.process_time()
    assert dialect_of(path).name == "openai_chat"
    assert time.process_time() - began < 0.5


CHAT = find("POST", "/v1/chat/completions")[0]


@pytest.mark.parametrize(
    ("body", "is_usual", "wire"),
    [
        ('{"messages":[]}', True, "openai_chat"),
        (' {\n "model" : "m", "n": -1.5e3,"stream":true, "messages" : [] }', True, "openai_chat"),
        ('{"messages": [], "input": "x"}', True, "openai_chat"),
        ('{"tools": [], "messages": []}', False, "openai_chat"),
        (f'{{"user": "{300 * "x"}", "messages": []}}', False, "openai_chat"),
        ('{"\\u006dessages": [], "input": "x"}', False, "openai_chat"),
        ('{"model": "m"}', False, "openai_chat"),
        ('{"input": "x", "metadata": {"messages": []}}', False, "responses_in_chat"),
        ('{"metadata": {"messages":[]}, "input": "x"}', False, "responses_in_chat"),
        ('{"user": "\\"messages\\":[", "input": "x"}', False, "responses_in_chat"),
        ('[{"messages": []}]', False, "openai_chat"),
        ("{" * 100_000, False, "openai_chat"),
    ],
)
def test_what_a_body_at_the_path_of_chats_is_for(body: str, is_usual: bool, wire: str) -> None:
    """One look never tells anything else than the members do."""
    assert isinstance(CHAT, Match)
    surface = CHAT.surface
    assert surface.is_usual(body.encode()) is is_usual
    assert surface.meant_by(body.encode()).wire == wire
