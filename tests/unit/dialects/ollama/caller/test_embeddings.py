"""Embeddings as Ollama's callers ask for them."""

import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.dialects.caller import CallerDialect
from penstock.dialects.ollama.caller.embeddings import EMBED, ONE_EMBEDDING
from penstock.dialects.task_dialect import CommonTask

REPLY = (
    b'{"data":[{"index":1,"embedding":[3.0]},{"index":0,"embedding":[1.50]}],"model":"e","usage":{"prompt_tokens":4}}'
)


def task(dialect: CallerDialect, **members: Any) -> CommonTask | Failure:
    assert dialect.reading.task is not None
    return dialect.reading.task(Body.parse(json.dumps({"model": "m", **members}).encode()))


def test_texts_become_vectors_in_their_order() -> None:
    found = task(EMBED, input=["a", "b"], dimensions=2, truncate=True, options={"x": 1}, other=1)
    assert isinstance(found, CommonTask)
    assert json.loads(found.body.encode()) == {"model": "m", "input": ["a", "b"], "dimensions": 2}
    assert found.dropped == ("options", "other")
    assert found.write(REPLY, "p") == b'{"model":"e","embeddings":[[1.50],[3.0]],"prompt_eval_count":4}'


def test_one_text() -> None:
    found = task(ONE_EMBEDDING, prompt="a")
    assert isinstance(found, CommonTask)
    assert found.write(b'{"data":[{"index":0,"embedding":[1.50]}]}', "p") == b'{"embedding":[1.50]}'
    assert isinstance(found.write(REPLY, "p"), Failure)


@pytest.mark.parametrize("inputs", ["a", ["a"], ["a", "b", "c"]])
def test_as_many_vectors_as_texts_or_an_error(inputs: Any) -> None:
    found = task(EMBED, input=inputs)
    assert isinstance(found, CommonTask)
    failure = found.write(REPLY, "p")
    assert isinstance(failure, Failure)
    assert "2 embeddings of" in failure.message


@pytest.mark.parametrize("reply", [b"{}", b'{"data":[]}', b'{"data":[{"embedding":"AA"}]}', b"["])
def test_replies_without_vectors(reply: bytes) -> None:
    found = task(EMBED, input="a")
    assert isinstance(found, CommonTask)
    assert isinstance(found.write(reply, "p"), Failure)


def test_what_is_wrong_and_never_a_stream() -> None:
    assert isinstance(task(EMBED, input=3), Failure)
    assert isinstance(task(EMBED, input=["a", 3]), Failure)
    assert isinstance(task(ONE_EMBEDDING, prompt=["a"]), Failure)
    request = EMBED.reading.body(b'{"model":"m","input":"a"}')
    assert not isinstance(request, Failure)
    assert (request.stream, EMBED.reading.asks_stream(request.body)) == (False, False)
    assert isinstance(EMBED.reading.body(b"["), Failure)


def test_guards_see_the_inputs() -> None:
    assert EMBED.texts is not None
    assert [each.text for each in EMBED.texts.request("embed", {"input": ["a", "b"], "prompt": "c"})] == ["a", "b", "c"]
