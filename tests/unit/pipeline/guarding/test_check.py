"""One check on its own, called as Portkey's plugins are."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from judging import Way
from penstock.core.failure import Failure
from penstock.guards.base import CheckError
from penstock.pipeline.guarding.check import CheckRequest, read_check, run_check


def read(value: Any) -> CheckRequest | Failure:
    return read_check(json.dumps(value).encode())


def check(id_: str, parameters: dict[str, Any], context: dict[str, Any], event: str = "beforeRequestHook") -> Any:
    request = read({"id": id_, "parameters": parameters, "context": context, "eventType": event})
    assert isinstance(request, CheckRequest)
    return asyncio.run(run_check(request, Way(lambda _: CheckError("nobody"))))


WORDS = {"words": ["bad"], "operator": "none"}


@pytest.mark.parametrize(
    ("context", "event"),
    [
        ({"request": {"text": "a bad word"}}, "beforeRequestHook"),
        ({"request": {"json": {"messages": [{"role": "user", "content": "bad"}]}}}, "beforeRequestHook"),
        ({"request": {"text": "bad"}, "requestType": "complete"}, "beforeRequestHook"),
        ({"request": {"text": "bad"}, "requestType": "embed"}, "beforeRequestHook"),
        ({"request": {"text": "bad"}, "requestType": "createModelResponse"}, "beforeRequestHook"),
        ({"response": {"text": "bad"}}, "afterRequestHook"),
        ({"response": {"text": "bad"}, "requestType": "complete"}, "afterRequestHook"),
        ({"response": {"text": "bad"}, "requestType": "messages"}, "afterRequestHook"),
    ],
)
def test_a_text_in_every_place(context: dict[str, Any], event: str) -> None:
    told = check("default.contains", WORDS, context, event)
    assert (told["error"], told["verdict"], told["transformed"]) == (None, False, False)
    assert told["data"]["foundWords"] == ["bad"]


def test_a_change() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "so bad"}]}
    told = check("default.regexReplace", {"rule": "bad"}, {"request": {"json": body}})
    assert told["transformed"]
    assert told["transformedData"]["request"]["json"]["messages"][0]["content"] == "so [REDACTED]"
    assert told["transformedData"]["response"]["json"] is None


def test_errors() -> None:
    told = check("default.contains", {"words": ["a"]}, {"request": {"text": "x"}})
    assert told["verdict"] is False
    assert "operator" in told["error"]["message"]
    assert told["data"]["explanation"] == told["data"]["error"] == told["error"]["message"]
    told = check("default.wordCount", {"maxWords": 2}, {})
    assert told["error"] is not None


def test_what_headers_and_metadata_say() -> None:
    keys = {"metadataKeys": ["team"], "operator": "all"}
    assert check("default.requiredMetadataKeys", keys, {"metadata": {"team": "a"}, "request": {"text": "x"}})["verdict"]


@pytest.mark.parametrize(
    ("value", "param"),
    [
        ({"id": "default.nobody"}, "id"),
        ({"id": "default.contains", "eventType": "other"}, None),
        ([], None),
    ],
)
def test_no_check(value: Any, param: str | None) -> None:
    refused = read(value)
    assert isinstance(refused, Failure)
    assert refused.param == param


def chat(*messages: Any, **members: Any) -> dict[str, Any]:
    return {"requestType": "chatComplete", "request": {"json": {"model": "m", "messages": list(messages), **members}}}


def said(text: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"requestType": "chatComplete", "response": {"json": {"choices": [{"index": 0, "message": message}]}}}


FENCED = '```json\n{"a": {"b": 1}}\n```'
RANGE = {"minWords": 1, "maxWords": 2}
TYPES = {"allowedTypes": ["chatComplete", "embed"], "blockedTypes": ["realtime"]}

AFTER: list[tuple[str, dict[str, Any], Any, bool, Any]] = [
    (
        "regexMatch",
        {"rule": "(?<first>f\\w+)|(?<other>z)", "not": False},
        "\U0001f600 a fox",
        True,
        {
            "regexPattern": "(?<first>f\\w+)|(?<other>z)",
            "not": False,
            "verdict": True,
            "matchDetails": {"matchedText": "fox", "index": 5, "groups": {"first": "fox"}, "captures": ["fox", None]},
            "textExcerpt": "\U0001f600 a fox",
        },
    ),
    (
        "regexMatch",
        {"rule": "x", "not": True},
        "y" * 101,
        True,
        {"regexPattern": "x", "not": True, "verdict": True, "matchDetails": None, "textExcerpt": "y" * 100 + "..."},
    ),
    (
        "contains",
        {"words": ["b", "A"], "operator": "any", "not": False},
        "a b",
        True,
        {"foundWords": ["b"], "missingWords": ["A"], "operator": "any"},
    ),
    (
        "wordCount",
        RANGE,
        " a  b ",
        True,
        {"wordCount": 2, "minWords": 1, "maxWords": 2, "not": False, "verdict": True, "textExcerpt": "a  b"},
    ),
    (
        "sentenceCount",
        {"minSentences": 1, "maxSentences": 2, "not": True},
        "3.5 ...",
        True,
        {"sentenceCount": 4, "minCount": 1, "maxCount": 2, "not": True, "verdict": True, "textExcerpt": "3.5 ..."},
    ),
    (
        "sentenceCount",
        {"minSentences": 0, "maxSentences": 0},
        "",
        True,
        {"sentenceCount": 0, "minCount": 0, "maxCount": 0, "not": False, "verdict": True, "textExcerpt": ""},
    ),
    (
        "characterCount",
        {"minCharacters": 3, "maxCharacters": 9},
        "\U0001f600",
        False,
        {
            "characterCount": 2,
            "minCharacters": 3,
            "maxCharacters": 9,
            "not": False,
            "verdict": False,
            "textExcerpt": "\U0001f600",
        },
    ),
    ("alluppercase", {}, "A1 Ü", True, {"verdict": True, "not": False, "textExcerpt": "A1 Ü"}),
    ("alllowercase", {"not": True}, "a", False, {"verdict": False, "not": True, "textExcerpt": "a"}),
    (
        "endsWith",
        {"suffix": "end"},
        "the end.",
        True,
        {"suffix": "end", "not": False, "verdict": True, "textExcerpt": "the end."},
    ),
    (
        "containsCode",
        {"format": "Markdown"},
        "```md\n#\n```\n```Foo\nx\n```",
        True,
        {
            "searchedFormat": "Markdown",
            "not": False,
            "foundFormats": ["Markdown", "foo"],
            "textExcerpt": "```md\n#\n```\n```Foo\nx\n```",
        },
    ),
    (
        "containsCode",
        {"format": "SQL", "not": True},
        "none",
        True,
        {"searchedFormat": "SQL", "not": True, "foundFormats": [], "textExcerpt": "none"},
    ),
    (
        "jsonSchema",
        {"schema": {"required": ["a"]}},
        FENCED,
        True,
        {"matchedJson": {"a": {"b": 1}}, "not": False, "validationErrors": []},
    ),
    ("jsonSchema", {"schema": {}, "not": True}, "none", False, {"not": True}),
    ("jsonSchema", {"schema": {}}, "{none}", False, None),
    (
        "jsonKeys",
        {"keys": ["a", "q"], "operator": "any"},
        FENCED,
        True,
        {
            "matchedJson": {"a": {"b": 1}},
            "verdict": True,
            "presentKeys": ["a"],
            "missingKeys": ["q"],
            "operator": "any",
            "textExcerpt": FENCED,
        },
    ),
    (
        "jsonKeys",
        {"keys": ["q"], "operator": "all"},
        '{"a": 1}',
        False,
        {
            "matchedJson": None,
            "verdict": False,
            "presentKeys": [],
            "missingKeys": ["q"],
            "operator": "all",
            "textExcerpt": '{"a": 1}',
        },
    ),
    (
        "jsonKeys",
        {"keys": ["a"], "operator": "none"},
        "none",
        False,
        {"requiredKeys": ["a"], "operator": "none", "textExcerpt": "none"},
    ),
    ("notNull", {}, "x", True, {"isNull": False, "contentType": "string", "textArrayLength": 1, "verdict": "passed"}),
    (
        "notNull",
        {"not": True},
        None,
        True,
        {"isNull": True, "contentType": "null", "textArrayLength": 1, "verdict": "passed"},
    ),
    ("regexReplace", {"rule": "/o/g"}, "foo", True, {"regexPattern": "/o/g", "verdict": True}),
    ("modelWhitelist", {"models": ["m"]}, "x", False, "error"),
    ("addPrefix", {"prefix": "P"}, "x", True, None),
]
"""Portkey's id of a check, its parameters, an answer's text -> the verdict, and the data without the explanation."""


@pytest.mark.parametrize(("name", "parameters", "text", "verdict", "data"), AFTER)
def test_the_results_of_an_answer(name: str, parameters: dict[str, Any], text: Any, verdict: bool, data: Any) -> None:
    told = check(f"default.{name}", parameters, said(text), "afterRequestHook")
    assert told["verdict"] is verdict
    if data == "error":
        assert told["error"] is not None
        return
    assert told["error"] is None
    assert without_explanation(told["data"]) == data


def without_explanation(data: Any) -> Any:
    if data is None:
        return None
    assert data.get("explanation") or "prefix" in data
    return {name: value for name, value in data.items() if name != "explanation"}


USER = {"role": "user", "content": "hi"}
UNRESTRICTED = {"allowedTypes": ["all"], "source": "default", "mode": "unrestricted"}

BEFORE: list[tuple[str, dict[str, Any], dict[str, Any], bool, Any]] = [
    (
        "modelWhitelist",
        {"models": ["m"], "not": True},
        chat(USER),
        False,
        {"verdict": False, "not": True, "requestedModel": "m", "allowedModels": ["m"]},
    ),
    ("modelRules", {"rules": {"defaults": ["x"], "metadata": {"team": {"a": ["m"]}}}}, chat(USER), True, {}),
    (
        "requiredMetadataKeys",
        {"metadataKeys": ["team", "toString"], "operator": "any"},
        chat(USER),
        True,
        {"missing_metadata_keys": ["toString"], "found_metadata_keys": ["team"], "operator": "any"},
    ),
    (
        "allowedRequestTypes",
        TYPES,
        {"requestType": "realtime"},
        False,
        {"currentRequestType": "realtime", **TYPES, "verdict": False, "source": "parameters", "mode": "combined"},
    ),
    (
        "allowedRequestTypes",
        {},
        {"requestType": "deleteFile"},
        True,
        {"currentRequestType": "deleteFile", "verdict": True, **UNRESTRICTED},
    ),
    (
        "allowedRequestTypes",
        {"allowedTypes": []},
        {"requestType": "embed", "metadata": {"supported_endpoints": "chatComplete, complete"}},
        False,
        {
            "currentRequestType": "embed",
            "allowedTypes": ["chatComplete", "complete"],
            "verdict": False,
            "source": "parameters",
            "mode": "allowlist",
        },
    ),
    (
        "allowedRequestTypes",
        {"blockedTypes": ["stream-chatComplete"]},
        {"requestType": "stream-chatComplete"},
        False,
        {
            "currentRequestType": "stream-chatComplete",
            "blockedTypes": ["stream-chatComplete"],
            "verdict": False,
            "source": "parameters",
            "mode": "blocklist",
        },
    ),
    (
        "addPrefix",
        {"prefix": "P ", "applyToRole": "user"},
        chat(USER),
        True,
        {
            "prefix": "P ",
            "requestType": "chatComplete",
            "applyToRole": "user",
            "addToExisting": True,
            "onlyIfEmpty": False,
        },
    ),
    ("addPrefix", {"prefix": "P"}, {"requestType": "embed", "request": {"json": {"input": "x"}}}, True, None),
    (
        "notNull",
        {},
        chat({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": ""}]}),
        True,
        {"isNull": False, "contentType": "object", "textArrayLength": 2, "verdict": "passed"},
    ),
    (
        "jwt",
        {"jwksUri": "https://issuer.example/keys", "headerKey": "x-token"},
        {**chat(USER), "request": {"headers": {}}},
        False,
        {"verdict": False},
    ),
]
"""As ``AFTER``, of requests: a context in place of the text."""


@pytest.mark.parametrize(("name", "parameters", "context", "verdict", "data"), BEFORE)
def test_the_results_of_a_request(
    name: str, parameters: dict[str, Any], context: dict[str, Any], verdict: bool, data: Any
) -> None:
    context = {"metadata": {"team": "a"}, **context}
    told = check(f"default.{name}", parameters, context)
    assert (told["verdict"], told["error"]) == (verdict, None)
    assert without_explanation(told["data"]) == data


ERRORS: list[tuple[str, dict[str, Any], str, bool, Any]] = [
    ("regexMatch", {"rule": "("}, "x", False, {"regexPattern": "(", "not": False, "textExcerpt": "x"}),
    (
        "regexMatch",
        {"rule": "x"},
        "",
        False,
        {"regexPattern": "x", "not": False, "textExcerpt": "No text available"},
    ),
    ("regexReplace", {"rule": ""}, "x", True, {"regexPattern": ""}),
    ("regexReplace", {"rule": "x"}, "", True, {"regexPattern": "x"}),
    (
        "wordCount",
        {"minWords": "few", "maxWords": 2},
        "x",
        False,
        {"minWords": "few", "maxWords": 2, "not": False, "textExcerpt": "x"},
    ),
    ("wordCount", RANGE, " \n", False, {**RANGE, "not": False, "textExcerpt": " \n"}),
    ("sentenceCount", {}, "x", False, {"not": False, "textExcerpt": "x"}),
    ("characterCount", {}, "", False, {"not": False, "textExcerpt": "No text available"}),
    ("alluppercase", {}, "", False, {"not": False, "textExcerpt": "No text available"}),
    ("endsWith", {"suffix": ""}, "x", False, {"suffix": "", "not": False, "textExcerpt": "x"}),
    ("containsCode", {}, "x", False, {"not": False, "textExcerpt": "x"}),
    ("jsonKeys", {"keys": ["a"]}, "{}", False, {"requiredKeys": ["a"], "textExcerpt": "{}"}),
    (
        "validUrls",
        {"not": True},
        "",
        False,
        {"validationMethod": "HTTP request", "not": True, "textExcerpt": "No text available"},
    ),
    ("modelWhitelist", {}, "x", False, {"requestedModel": "No model specified", "allowedModels": [], "not": False}),
    (
        "webhook",
        {"webhookURL": "nowhere"},
        "x",
        False,
        {"webhookUrl": "nowhere", "requestContext": {"timeout": 3000}},
    ),
    ("requiredMetadataKeys", {"metadataKeys": ["a"], "operator": "all"}, "x", True, None),
]
"""As ``AFTER``, of checks that can't judge."""


@pytest.mark.parametrize(("name", "parameters", "text", "verdict", "data"), ERRORS)
def test_results_with_an_error(name: str, parameters: dict[str, Any], text: str, verdict: bool, data: Any) -> None:
    told = check(f"default.{name}", parameters, said(text), "afterRequestHook")
    assert (told["verdict"], sorted(told["error"])) == (verdict, ["message", "name"])
    assert without_explanation(told["data"]) == data


def test_a_request_of_a_type_that_is_not_known_is_of_none() -> None:
    told = check("default.allowedRequestTypes", {"allowedTypes": ["chatComplete"]}, {})
    assert (told["verdict"], told["data"]["currentRequestType"]) == (False, "unknown")
    assert told["error"] is not None


def test_errors_of_lists_that_contradict() -> None:
    both = {"allowedTypes": ["embed"], "blockedTypes": ["embed"]}
    for parameters, metadata in (
        (both, {}),
        ({}, {"supported_endpoints": ["embed"], "blocked_endpoints": ["embed"]}),
    ):
        context = {"requestType": "embed", "metadata": metadata}
        told = check("default.allowedRequestTypes", parameters, context)
        assert told["error"] is not None
        assert without_explanation(told["data"]) == {"currentRequestType": "embed", **both}


def test_a_log_is_waited_for() -> None:
    request = read({"id": "default.log", "parameters": {"logURL": "https://log.example"}, "context": chat(USER)})
    assert isinstance(request, CheckRequest)
    way = Way(lambda _: CheckError("nobody"))
    told = asyncio.run(run_check(request, way))
    assert (len(way.sent), told["verdict"], told["error"]["message"]) == (1, False, "nobody")


def test_a_parameter_that_means_nothing_is_known_by_its_value() -> None:
    assert check("default.contains", {**WORDS, "not": False}, {"request": {"text": "x"}})["error"] is None
    assert "not" in check("default.contains", {**WORDS, "not": True}, {"request": {"text": "x"}})["error"]["message"]
