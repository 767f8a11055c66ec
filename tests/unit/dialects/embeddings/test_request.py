"""What callers ask of embeddings, read once for every wire."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.dialects.embeddings.request import EmbeddingRequest, Image, read, read_for


def asked(**members: Any) -> EmbeddingRequest | Failure:
    return read(Body.parse(json.dumps({"model": "m", **members}).encode()))


def test_texts_and_settings() -> None:
    request = asked(
        input=["a", {"text": "b"}], dimensions=8, encoding_format="base64", input_type="query", user="u", x=1
    )
    assert request == EmbeddingRequest(["a", "b"], True, 8, "query", {"x": 1})
    assert request.texts == ["a", "b"]
    assert request.purpose() == "query"
    assert request.dropped() == ("x",)
    assert asked(input="a") == EmbeddingRequest(["a"])


def test_pictures() -> None:
    request = asked(
        input=[{"image": "data:image/png;base64,QUJD"}, {"image_url": {"url": "data:image/gif;base64,QQ=="}}]
    )
    assert isinstance(request, EmbeddingRequest)
    assert request.inputs == [Image("image/png", "QUJD"), Image("image/gif", "QQ==")]
    assert request.texts is None


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"input": ""},
        {"input": []},
        {"input": ["a", ""]},
        {"input": [1, 2]},
        {"input": [[1]]},
        {"input": ["a"] * 2049},
        {"input": {"image": "https://example.com/a.png"}},
        {"input": "a", "encoding_format": "hex"},
        {"input": "a", "dimensions": 0},
        {"input": "a", "dimensions": "8"},
    ],
)
def test_what_is_refused(members: dict[str, Any]) -> None:
    failure = asked(**members)
    assert isinstance(failure, Failure)
    assert failure.status == 400
    assert failure.param


def test_more_than_a_host_takes() -> None:
    body = Body.parse(b'{"input":["a","b","c"]}')
    assert isinstance(read_for("host", body, 3), EmbeddingRequest)
    failure = read_for("host", body, 2)
    assert isinstance(failure, Failure)
    assert "at most 2 inputs" in failure.message
    picture = Body.parse(b'{"input":[{"image":"data:image/png;base64,QQ=="}]}')
    assert isinstance(read_for("host", picture, 2), EmbeddingRequest)
    assert isinstance(read_for("host", picture, 2, takes_pictures=False), Failure)
    assert isinstance(read_for("host", Body.parse(b"{}"), 2), Failure)
