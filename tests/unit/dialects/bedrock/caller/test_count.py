"""Bedrock's CountTokens for callers."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from penstock.core.body import Body, BodyError
from penstock.core.failure import Failure
from penstock.dialects.bedrock.caller.count import COUNT, counted, read_count_body
from penstock.dialects.caller import FittedRequest
from penstock.dialects.dialect import WriteContext


def body(value: Any) -> bytes:
    return json.dumps({"input": value}).encode()


@pytest.mark.parametrize("value", [None, [], {}, {"converse": {}, "invokeModel": {}}, {"other": 1}])
def test_what_is_no_request_to_count(value: Any) -> None:
    refused = read_count_body(body(value))
    assert isinstance(refused, Failure)
    assert refused.param == "input"


def test_what_is_counted() -> None:
    assert counted(Body.parse(body({"converse": {"messages": [1]}}))).value("messages") == [1]
    inner = base64.b64encode(b'{"messages": [2]}').decode()
    assert counted(Body.parse(body({"invokeModel": {"body": inner}}))).value("messages") == [2]
    for wrong in ("!", base64.b64encode(b"no json").decode()):
        with pytest.raises(BodyError):
            counted(Body.parse(body({"invokeModel": {"body": wrong}})))


def test_what_goes_to_bedrock_and_comes_back() -> None:
    given = Body.parse(b'{"input": {"converse": {}}, "model": "m", "stream": false}')
    fitted = COUNT.relay.fit_request(given, WriteContext("m", "bedrock"))
    assert isinstance(fitted, FittedRequest)
    assert list(fitted.body) == ["input"]
    assert COUNT.writing.count is not None
    assert COUNT.writing.count(7) == b'{"inputTokens":7}'
