"""Embeddings and reranking by InvokeModel at hosts of other wires, in each maker's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.dialects.bedrock.caller.invoke_tasks import INVOKE_EMBED, read_embeddings, read_reranking
from penstock.dialects.task_dialect import CommonTask


def vectors(count: int) -> bytes:
    """A reply with so many vectors."""
    data = [{"object": "embedding", "index": at, "embedding": [0.5, at]} for at in range(count)]
    return json.dumps(
        {"object": "list", "model": "m", "data": data, "usage": {"prompt_tokens": 6, "total_tokens": 6}}
    ).encode()


def read(**members: Any) -> CommonTask:
    task = read_embeddings(Body.parse(json.dumps({"model": "m", "stream": False, **members}).encode()))
    assert isinstance(task, CommonTask)
    return task


def common(task: CommonTask) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(task.body.encode())
    return value


def written(task: CommonTask) -> Any:
    count = len(common(task)["input"])
    assert isinstance(task.write(vectors(count + 1), "openai"), Failure)
    reply = task.write(vectors(count), "openai")
    assert isinstance(reply, bytes)
    return json.loads(reply)


def test_text_in_the_place_of_vectors_is_no_answer() -> None:
    """A model that writes text takes inputText, too: guards of answers don't look at embeddings."""
    judge = INVOKE_EMBED.replies.judge
    assert not judge(b'{"embedding":[0.5],"inputTextTokenCount":3}', "bedrock", False).problem
    assert judge(b'{"inputTextTokenCount":3,"results":[{"outputText":"Hi"}]}', "bedrock", False).problem


def test_titan() -> None:
    task = read(inputText="Hi", dimensions=256, normalize=True, own=1)
    assert common(task) == {"input": ["Hi"], "dimensions": 256, "normalize": True}
    assert task.dropped == ("own",)
    assert written(task) == {"embedding": [0.5, 0], "inputTextTokenCount": 6}
    assert written(read(inputText="Hi", embeddingTypes=["float"]))["embeddingsByType"] == {"float": [0.5, 0]}


def test_titans_pictures() -> None:
    task = read(inputImage="aGk=", embeddingConfig={"outputEmbeddingLength": 384})
    assert common(task) == {"input": [{"image": "data:image/png;base64,aGk="}], "dimensions": 384}


def test_nova() -> None:
    params = {"embeddingPurpose": "TEXT_RETRIEVAL", "embeddingDimension": 1024, "text": {"value": "Hi"}}
    task = read(taskType="SINGLE_EMBEDDING", singleEmbeddingParams=params)
    assert common(task) == {"input": ["Hi"], "dimensions": 1024, "task_type": "query"}
    assert written(task) == {"embeddings": [{"embeddingType": "TEXT", "embedding": [0.5, 0]}]}
    image = {"format": "jpeg", "source": {"bytes": "aGk="}}
    pictured = read(taskType="SINGLE_EMBEDDING", singleEmbeddingParams={"image": image})
    assert common(pictured)["input"] == [{"image": "data:image/jpeg;base64,aGk="}]


def test_coheres_models() -> None:
    task = read(texts=["a", "b"], input_type="search_query", truncate="END")
    assert common(task)["input"] == ["a", "b"]
    assert task.dropped == ()
    reply = written(task)
    assert reply.pop("id")
    assert reply == {"embeddings": [[0.5, 0], [0.5, 1]], "texts": ["a", "b"], "response_type": "embeddings_floats"}
    typed = written(read(texts=["a", "b"], input_type="search_query", embedding_types=["float"]))
    assert typed["embeddings"] == {"float": [[0.5, 0], [0.5, 1]]}


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"inputText": "Hi", "inputImage": "aGk="}, "inputImage"),
        ({"inputText": 7}, "inputText"),
        ({"inputText": "Hi", "embeddingTypes": ["binary"]}, "embeddingTypes"),
        ({"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"video": {}}}, "singleEmbeddingParams"),
        (
            {"taskType": "SEGMENTED_EMBEDDING", "singleEmbeddingParams": {"text": {"value": "a"}}},
            "singleEmbeddingParams",
        ),
        ({"input_type": "search_query"}, "texts"),
        ({"input_type": "search_query", "texts": ["a"], "embedding_types": ["int8"]}, "embedding_types"),
    ],
)
def test_what_no_other_host_makes_is_refused(members: dict[str, Any], param: str) -> None:
    failure = read_embeddings(Body.parse(json.dumps(members).encode()))
    assert isinstance(failure, Failure)
    assert failure.param == param


def test_reranking() -> None:
    body = {"model": "m", "stream": False, "query": "q", "documents": ["a", "b"], "top_n": 1, "api_version": 2}
    task = read_reranking(Body.parse(json.dumps(body).encode()))
    assert isinstance(task, CommonTask)
    assert common(task) == {"query": "q", "documents": ["a", "b"], "top_n": 1}
    reply = {"id": "r", "model": "m", "results": [{"index": 1, "relevance_score": 0.9, "document": {"text": "b"}}]}
    assert json.loads(bytes(task.write(json.dumps(reply).encode(), "jina"))) == {  # type: ignore[arg-type]
        "results": [{"index": 1, "relevance_score": 0.9}]
    }
    assert isinstance(read_reranking(Body.parse(b'{"query":"q"}')), Failure)


def test_guards_read_every_makers_texts() -> None:
    view = INVOKE_EMBED.texts
    assert view is not None
    for body in ({"inputText": "Hi"}, {"texts": ["Hi"]}, {"singleEmbeddingParams": {"text": {"value": "Hi"}}}):
        assert [each.text for each in view.request("embed", body)] == ["Hi"]
