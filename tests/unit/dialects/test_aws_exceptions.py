"""What a frame of AWS's tells in place of an event."""

from __future__ import annotations

from penstock.core.events import Fail
from penstock.core.vendor_error import WITHOUT_MESSAGE
from penstock.dialects.aws_exceptions import frame_failure
from penstock.dialects.framing.aws_eventstream import Message


def test_an_event_is_no_failure() -> None:
    assert frame_failure(Message({}, b"{}")) is None
    assert frame_failure(Message({":message-type": "event", ":event-type": "chunk"}, b"{}")) is None


def test_an_exception_has_its_text_in_the_payload_and_the_status_of_its_name() -> None:
    payload = b'{"message":"Slow down"}'
    frame = Message({":message-type": "exception", ":exception-type": "throttlingException"}, payload)
    assert frame_failure(frame) == Fail("Slow down", "throttlingException", "", 429, payload)


def test_an_error_has_its_text_in_a_header() -> None:
    frame = Message({":message-type": "error", ":error-code": "oops", ":error-message": "It broke"}, b"")
    assert frame_failure(frame) == Fail("It broke", "oops")


def test_one_without_a_text_or_with_bytes_that_are_none() -> None:
    frame = Message({":message-type": "exception", ":exception-type": "odd"}, b"[1")
    assert frame_failure(frame) == Fail(WITHOUT_MESSAGE, "odd", raw=b"[1")
