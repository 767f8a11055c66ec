"""Embeddings as Cohere's callers ask for them."""

import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.dialects.cohere.caller.embeddings import EMBED, read_embed
from penstock.dialects.task_dialect import CommonTask

REPLY = b'{"data":[{"index":1,"embedding":[3.0]},{"index":0,"embedding":[1.50]}],"usage":{"prompt_tokens":4}}'


def task(**members: Any) -> CommonTask | Failure:
    return read_embed(Body.parse(json.dumps({"model": "m", **members}).encode()))


def common(**members: Any) -> CommonTask:
    found = task(**members)
    assert isinstance(found, CommonTask), found
    return found


def test_texts_become_vectors_in_their_order() -> None:
    found = common(texts=["a", "b"], input_type="search_query", output_dimension=2, truncate="END", priority=1)
    assert json.loads(found.body.encode()) == {
        "model": "m", "input": ["a", "b"], "input_type": "search_query", "truncate": "END", "dimensions": 2,
    }  # fmt: skip
    assert (found.dropped, found.only_here) == (("priority",), ("input_type", "truncate"))
    told = found.write(REPLY, "p")
    assert isinstance(told, bytes)
    assert b'"float":[[1.50],[3.0]]' in told
    value = json.loads(told)
    assert (value["texts"], value["response_type"]) == (["a", "b"], "embeddings_by_type")
    assert value["meta"]["billed_units"] == {"input_tokens": 4}


def test_types() -> None:
    told = common(texts=["a", "b"], embedding_types=["base64", "float"]).write(REPLY, "p")
    assert isinstance(told, bytes)
    assert json.loads(told)["embeddings"] == {"float": [[1.5], [3.0]], "base64": ["AADAPw==", "AABAQA=="]}
    refused = task(texts=["a"], embedding_types=["int8"])
    assert isinstance(refused, Failure)
    assert refused.param == "embedding_types"


def test_images_and_inputs() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    inputs = [{"content": [{"type": "text", "text": "a"}]}, {"content": [image]}]
    given = json.loads(common(inputs=inputs, images=["data:image/png;base64,BB"]).body.encode())["input"]
    assert given == [{"image": "data:image/png;base64,BB"}, "a", {"image": "data:image/png;base64,AA"}]


@pytest.mark.parametrize("reply", [b"{}", b'{"data":[]}', b'{"data":[{"embedding":"AA"}]}', b"["])
def test_replies_without_vectors(reply: bytes) -> None:
    assert isinstance(common(texts=["a"]).write(reply, "p"), Failure)


def test_as_many_vectors_as_inputs_or_an_error() -> None:
    image = "data:image/png;base64,AA"
    for members in ({"texts": ["a"]}, {"texts": ["a", "b"], "images": [image]}):
        failure = common(**members).write(REPLY, "p")
        assert isinstance(failure, Failure)
        assert "2 embeddings of" in failure.message


@pytest.mark.parametrize(
    "members", [{}, {"texts": [3]}, {"texts": ["a"], "embedding_types": 3}, {"inputs": [{"content": []}]}]
)
def test_what_is_wrong(members: dict[str, Any]) -> None:
    assert isinstance(task(**members), Failure)


def test_guards_see_the_inputs() -> None:
    assert EMBED.texts is not None
    body = {"texts": ["a"], "inputs": [{"content": [{"type": "text", "text": "b"}]}]}
    assert [each.text for each in EMBED.texts.request("embed", body)] == ["a", "b"]
    assert (list(EMBED.texts.answer("", {})), list(EMBED.texts.deltas("", {}))) == ([], [])
    assert (EMBED.texts.closes(b"", {}), EMBED.texts.is_end(b"", b"")) == (None, False)
