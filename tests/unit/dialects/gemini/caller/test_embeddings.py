"""Embeddings as callers of Gemini ask for them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.dialects.gemini.caller.embeddings import EMBED, EMBED_MANY
from penstock.dialects.task_dialect import CommonTask

HELLO = {"parts": [{"text": "Hello"}, {"text": "there"}]}
PICTURE = {"parts": [{"inline_data": {"mime_type": "image/png", "data": "AAAA"}}]}


def read(body: Any, *, many: bool = False) -> CommonTask | Failure:
    task = (EMBED_MANY if many else EMBED).reading.task
    assert task is not None
    return task(Body.parse(json.dumps(body).encode()))


def common(task: CommonTask | Failure) -> dict[str, Any]:
    assert isinstance(task, CommonTask), task
    value: dict[str, Any] = json.loads(task.body.encode())
    return value


@pytest.mark.parametrize(
    ("content", "item"),
    [
        (HELLO, "Hello\nthere"),
        ({"parts": {"text": "Hello"}}, "Hello"),
        ({"parts": ["Hello"]}, "Hello"),
        ("Hello", "Hello"),
        (PICTURE, {"image": "data:image/png;base64,AAAA"}),
    ],
)
def test_a_content_is_one_input(content: Any, item: Any) -> None:
    assert common(read({"content": content}))["input"] == [item]


def test_settings_in_either_spelling() -> None:
    for name, size in (("taskType", "outputDimensionality"), ("task_type", "output_dimensionality")):
        task = read({"model": "m", "content": HELLO, name: "RETRIEVAL_QUERY", size: 8, "autoTruncate": True})
        assert common(task) == {"input": ["Hello\nthere"], "task_type": "RETRIEVAL_QUERY", "dimensions": 8}
        assert isinstance(task, CommonTask)
        assert task.dropped == ("autoTruncate",)


def test_the_settings_of_a_batch_are_the_same() -> None:
    one = {"content": HELLO, "taskType": "CLUSTERING"}
    assert common(read({"requests": [one, one]}, many=True))["task_type"] == "CLUSTERING"
    other = read({"requests": [one, {"content": HELLO}]}, many=True)
    assert isinstance(other, Failure)
    assert other.param == "requests[].taskType"
    titles = read({"requests": [{**one, "title": "a"}, {**one, "title": "b"}]}, many=True)
    assert isinstance(titles, CommonTask)
    assert titles.dropped == ("title",)


@pytest.mark.parametrize("body", [{}, {"requests": []}, {"requests": 5}, {"requests": [5]}, {"requests": [{}]}])
def test_a_batch_that_is_none(body: Any) -> None:
    assert isinstance(read(body, many=True), Failure)


@pytest.mark.parametrize("content", [None, 5, {}, {"parts": []}, {"parts": [{"text": 5}]}, {"parts": [{}, PICTURE]}])
def test_a_content_that_is_none(content: Any) -> None:
    assert isinstance(read({"content": content}), Failure)


JSON = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["content", "requests", "parts", "text", "inlineData", "data"]), inner)
    ),
)


@given(st.dictionaries(st.sampled_from(["content", "requests", "taskType"]), JSON), st.booleans())
def test_any_body_is_read(body: Any, many: bool) -> None:
    assert isinstance(read(body, many=many), CommonTask | Failure)
    view = EMBED.texts
    assert view is not None
    assert all(isinstance(each.text, str) for each in view.request("embed", body))


def test_replies() -> None:
    reply = b'{"data":[{"index":1,"embedding":[1e-40]},{"index":0,"embedding":[0.10]}],"usage":{"prompt_tokens":0}}'
    task = read({"requests": [{"content": HELLO}, {"content": HELLO}]}, many=True)
    assert isinstance(task, CommonTask)
    assert task.write(reply, "p") == b'{"embeddings":[{"values":[0.10]},{"values":[1e-40]}]}'
    for broken in (b"", b"{}", b'{"data":[]}', b'{"data":[{"embedding":"AAAA"}]}'):
        assert isinstance(task.write(broken, "p"), Failure)
    one = read({"content": HELLO})
    assert isinstance(one, CommonTask)
    assert isinstance(one.write(reply, "p"), Failure)  # two vectors of one text
