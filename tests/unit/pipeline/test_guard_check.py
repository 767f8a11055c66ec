"""One check on its own, called as Portkey's plugins are."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from judging import Way
from penstock.core.failure import Failure
from penstock.guards.base import CheckError
from penstock.pipeline.guard_check import CheckRequest, read_check, run_check


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
    assert (told["verdict"], told["data"]) == (False, None)
    assert "operator" in told["error"]["message"]
    told = check("default.wordCount", {"maxWords": 2}, {})
    assert told["error"] is not None


def test_what_headers_and_metadata_say() -> None:
    keys = {"metadataKeys": ["team"], "operator": "all"}
    assert check("default.requiredMetadataKeys", keys, {"metadata": {"team": "a"}, "request": {"text": "x"}})["verdict"]


@pytest.mark.parametrize(
    ("value", "param"),
    [
        ({"id": "default.nobody"}, "id"),
        ({"id": "default.contains", "context": {"requestType": "other"}}, "context.requestType"),
        ({"id": "default.contains", "eventType": "other"}, None),
        ([], None),
    ],
)
def test_no_check(value: Any, param: str | None) -> None:
    refused = read(value)
    assert isinstance(refused, Failure)
    assert refused.param == param
