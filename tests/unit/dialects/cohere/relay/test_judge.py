"""What a plain reply of Cohere's is."""

import pytest

from calling import PLAIN
from penstock.dialects.cohere.relay.judge import judge, judge_translated

WHOLE = PLAIN["cohere"]


def test_an_answer_and_its_usage() -> None:
    verdict = judge(WHOLE, "cohere", True)
    assert (verdict.error, verdict.problem, verdict.is_complete) == (None, "", True)
    assert verdict.usage is not None
    assert (verdict.usage.prompt, verdict.usage.completion) == (3, 2)
    assert not judge(WHOLE.replace(b"COMPLETE", b"MAX_TOKENS"), "", True).is_complete


def test_a_host_may_count_beside_the_usage() -> None:
    counted = (
        b'{"message":{"content":[{"text":"Hi"}]},"finish_reason":"COMPLETE","meta":{"billed_units":{"input_tokens":4}}}'
    )
    verdict = judge(counted, "", True)
    assert verdict.is_complete
    assert verdict.usage is not None
    assert verdict.usage.prompt == 4


def test_a_filtered_answer_is_one_and_a_failure_is_none() -> None:
    filtered = judge(WHOLE.replace(b"COMPLETE", b"ERROR"), "", True)
    assert (filtered.error, filtered.is_complete) == (None, False)
    assert judge(b'{"message":{"content":[]},"finish_reason":"ERROR"}', "", True).error is not None


def test_a_number_that_is_no_json() -> None:
    verdict = judge(WHOLE[:-1] + b',"x":NaN}', "", True)
    assert (verdict.problem, verdict.is_complete, b"null" in (verdict.body or b"")) == ("", False, True)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff"])
def test_what_is_no_answer(body: bytes) -> None:
    assert judge(body, "", True).problem


def test_errors_and_vectors() -> None:
    assert judge(b'{"id":"i","message":"No"}', "", True).error is not None
    vectors = judge(b'{"embeddings":{},"meta":{"billed_units":{"input_tokens":4}}}', "", False)
    assert vectors.usage is not None
    assert vectors.usage.prompt == 4
    assert judge(b'{"results":[],"meta":{"billed_units":{"search_units":1}}}', "", False).usage is None


def test_a_filtered_answer_that_the_gateway_wrote_says_nothing_and_is_one() -> None:
    written = judge_translated(
        b'{"id":"c","message":{"role":"assistant","content":[]},"finish_reason":"ERROR"}', "", True
    )
    assert (written.error, written.problem, written.is_complete) == (None, "", False)
    assert judge_translated(b'{"id":"i","message":"No"}', "", True).error is not None
