"""Embeddings of Bedrock: Titan, Nova and Cohere's models."""

from __future__ import annotations

from embedding import bodies, refused, told, vectors, written
from penstock.core.failure import Failure
from penstock.dialects.embeddings.bedrock import write
from penstock.dialects.task_dialect import WholeReply

TITAN = "amazon.titan-embed-text-v2:0"
COUNT = ((b"x-amzn-bedrock-input-token-count", b"10"),)
PICTURE = {"image": "data:image/png;base64,QQ=="}


def test_titan_takes_one_text_a_request() -> None:
    payload = written(write, TITAN, input=["a", "b"], dimensions=256, normalize=True)
    assert bodies(payload) == [{"inputText": text, "dimensions": 256, "normalize": True} for text in ("a", "b")]
    replies = [{"embedding": [value], "inputTextTokenCount": 3} for value in (1.5, 2.5)]
    reply = told(payload, *replies)
    assert (vectors(reply), reply["usage"]["prompt_tokens"]) == ([[1.5], [2.5]], 6)
    assert reply["model"] == TITAN


def test_titan_of_texts_and_pictures() -> None:
    payload = written(write, "amazon.titan-embed-image-v1", input=["a", PICTURE], dimensions=384)
    config = {"embeddingConfig": {"outputEmbeddingLength": 384}}
    assert bodies(payload) == [{"inputText": "a", **config}, {"inputImage": "QQ==", **config}]


def test_nova() -> None:
    model = "amazon.nova-2-multimodal-embeddings-v1:0"
    payload = written(write, model, input=["a", PICTURE], dimensions=256, input_type="query")
    text, picture = (each["singleEmbeddingParams"] for each in bodies(payload))
    assert text == {
        "embeddingPurpose": "GENERIC_RETRIEVAL", "embeddingDimension": 256, "text": {"truncationMode": "END", "value": "a"},
    }  # fmt: skip
    assert picture["image"] == {"format": "png", "source": {"bytes": "QQ=="}}
    replies = [{"embeddings": [{"embeddingType": "TEXT", "embedding": [value]}]} for value in (1.5, 2.5)]
    reply = told(payload, *replies, headers=COUNT)
    assert (vectors(reply), reply["usage"]["prompt_tokens"]) == ([[1.5], [2.5]], 20)
    assert bodies(written(write, model, input="a"))[0]["singleEmbeddingParams"]["embeddingPurpose"] == "GENERIC_INDEX"


def test_cohere_on_bedrock() -> None:
    payload = written(write, "cohere.embed-english-v3", input=["a", "b"])
    assert bodies(payload) == [
        {"input_type": "search_document", "embedding_types": ["float"], "texts": ["a", "b"]},
    ]
    reply = told(payload, {"embeddings": {"float": [[1.5], [2.5]]}}, headers=COUNT)
    assert (vectors(reply), reply["usage"]["prompt_tokens"]) == ([[1.5], [2.5]], 10)
    assert vectors(told(payload, {"embeddings": [[1.5], [2.5]]})) == [[1.5], [2.5]]


def test_refusals() -> None:
    assert "at most 64" in refused(write, TITAN, input=["a"] * 65).message
    assert "at most 96" in refused(write, "cohere.embed-english-v3", input=["a"] * 97).message
    assert "text only" in refused(write, TITAN, input=[PICTURE]).message
    assert refused(write, "meta.llama3", input="a").param == "model"
    assert refused(write, TITAN, input=[1]).param == "input[0]"
    assert isinstance(written(write, TITAN, input="a").read([WholeReply([], b"{}")]), Failure)
    assert isinstance(written(write, TITAN, input="a").read([WholeReply([], b"no")]), Failure)
