"""What an error body says, wherever the vendor puts it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.core.vendor_error import VendorError, failed_choice, hidden_error, is_error, read_vendor_error


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (
            {"error": {"message": "No", "type": "invalid", "param": "n", "code": "x"}},
            VendorError("No", "invalid", "n", "x"),
        ),
        ({"error": {"message": "No", "status": "NOT_FOUND", "code": 404}}, VendorError("No", "NOT_FOUND", None, "404")),
        ({"error": "No", "code": 3}, VendorError("No", None, None, "3")),
        ({"error": ["One", "Two"]}, VendorError("One, Two")),
        ({"error": [{"message": "One", "code": 3}, None, ["x"]]}, VendorError('Error 3: One, null, ["x"]')),
        ({"message": "No", "code": "7"}, VendorError("No", None, None, "7")),
        ({"__type": "Throttled", "Message": "Slow down"}, VendorError("Slow down", "Throttled")),
        ({"detail": [{"loc": ["body", "n"], "msg": "too large"}]}, VendorError("body.n: too large")),
        ({"errors": [{"code": 5006, "message": "No"}]}, VendorError("Error 5006: No")),
        ({"errors": [{"message": {"a": True}}, [False]]}, VendorError('{"a":true}, [false]')),
        ([{"error": {"message": "No"}}], VendorError("No")),
        (
            {"type": "response.failed", "response": {"status": "failed", "error": {"message": "No", "code": "x"}}},
            VendorError("No", None, None, "x"),
        ),
        (
            {"message": {"role": "assistant", "content": "Hi"}, "done_reason": "error"},
            VendorError("the answer was broken off (done_reason: error)", "error"),
        ),
        (
            {"type": "message_delta", "delta": {"stop_reason": "aborted"}},
            VendorError("the answer was broken off (stop_reason: aborted)", "aborted"),
        ),
        (
            {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "Malformed: f("}]},
            VendorError("Malformed: f(", "MALFORMED_FUNCTION_CALL"),
        ),
        ({"message": {"role": "assistant", "content": "Hi"}}, VendorError()),
        ("text", VendorError()),
        ({}, VendorError()),
    ],
)
def test_the_four_words(value: Any, error: VendorError) -> None:
    assert read_vendor_error(value) == error


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["error", "message", "detail", "errors", "code", "type"]), inner)
        ),
        max_leaves=8,
    )
)
def test_any_value_is_read(value: Any) -> None:
    assert isinstance(read_vendor_error(value), VendorError)


WORDS = """
    message Message detail msg error_description error_msg error_message errorMessage status_msg title
"""


@pytest.mark.parametrize(
    "value",
    [
        {"error": {}},
        {"object": "error"},
        {"success": False},
        {"type": "error"},
        {"base_resp": {"status_code": 1004}},
        {"choices": [{"error": "No"}]},
        {"code": 5},
        {"error_code": "x"},
        *({name: "No"} for name in WORDS.split()),
    ],
    ids=str,
)
def test_each_member_that_may_tell_an_error_is_looked_at(value: dict[str, Any]) -> None:
    assert is_error({"id": "x", **value})


@pytest.mark.parametrize("word", ["Error", "abort", "Final answer: failed"])
def test_a_stop_sequence_that_was_met_is_no_word_of_failure(word: str) -> None:
    choice = {"message": {"role": "assistant", "content": ""}, "finish_reason": "stop", "stop_reason": word}
    assert failed_choice(choice) is None
    assert hidden_error({"choices": [choice]}) is None
    assert failed_choice({"stop_reason": word, "finish_reason": None}) is not None
    assert failed_choice({**choice, "finish_reason": "error"}) is not None


@pytest.mark.parametrize("value", [{}, {"error": None}, {"success": True}, {"code": 200}, {"choices": []}], ids=str)
def test_what_tells_no_error(value: dict[str, Any]) -> None:
    assert not is_error({"id": "x", **value})
