"""What a plain reply of Ollama's is."""

from typing import Any

import pytest

from penstock.dialects.ollama.relay.judge import has_place, is_complete, judge, says_something

WHOLE = b'{"message":{"content":"Hi"},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":2}'


def test_an_answer_and_its_usage() -> None:
    verdict = judge(WHOLE, "ollama", True)
    assert (verdict.error, verdict.problem, verdict.is_complete) == (None, "", True)
    assert verdict.usage is not None
    assert (verdict.usage.prompt, verdict.usage.completion) == (3, 2)
    assert judge(WHOLE.replace(b"stop", b"length"), "", True).is_complete is False
    assert judge(b'{"response":"Hi","done":true}', "", True).is_complete
    assert judge(b'{"response":"","done":true,"done_reason":"load"}', "", True).problem == ""


def test_a_number_that_is_no_json() -> None:
    verdict = judge(WHOLE.replace(b"2}", b'2,"x":NaN}'), "", True)
    assert (verdict.problem, verdict.is_complete, b"null" in (verdict.body or b"")) == ("", False, True)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"message":{"content":"Hi"},"done":false}', b"\xff"])
def test_what_is_no_answer(body: bytes) -> None:
    assert judge(body, "", True).problem


def test_errors() -> None:
    error = judge(b'{"error":"model requires more memory"}', "", True).error
    assert error is not None
    assert error.status == 502
    assert judge(b'{"message":{"content":"a"},"done":true,"done_reason":"error"}', "", True).error is not None


def test_vectors() -> None:
    verdict = judge(b'{"embeddings":[[1]],"prompt_eval_count":4}', "", False)
    assert verdict.usage is not None
    assert verdict.usage.prompt == 4


def test_lines_together() -> None:
    lines: list[dict[str, Any]] = [{"message": {"content": "Hi"}}, {"done": True}]
    assert is_complete(lines)
    assert not is_complete(lines[:1])
    assert not is_complete(lines[1:])
    assert (says_something({"response": "a"}), says_something({"response": ""}), has_place({})) == (True, False, False)
