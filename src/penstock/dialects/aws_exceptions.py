"""What AWS says in place of an event of a stream: an exception, or an error.

Source: Amazon Bedrock API reference, "ConverseStream", "InvokeModelWithResponseStream".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.core.events import Fail
from penstock.core.json_text import read_json_or_none
from penstock.core.vendor_error import WITHOUT_MESSAGE, read_vendor_error
from penstock.dialects.framing.aws_eventstream import Message

EXCEPTION_STATUS: Final[Mapping[str, int]] = {
    "validationException": 400,
    "modelTimeoutException": 408,
    "modelStreamErrorException": 424,
    "throttlingException": 429,
    "internalServerException": 500,
    "serviceUnavailableException": 503,
}
"""What Bedrock may say in place of an event, and the status that it would have had."""


def frame_failure(frame: Message) -> Fail | None:
    """The failure that a frame tells in place of an event; None for a frame that holds an event. The text of an
    exception is in its payload, that of an error in its headers."""
    headers = frame.headers
    if headers.get(":message-type", "event") == "event":
        return None
    name = headers.get(":exception-type") or headers.get(":error-code", "")
    text = read_vendor_error(read_json_or_none(frame.payload)).message or headers.get(":error-message", "")
    return Fail(text or WITHOUT_MESSAGE, name, "", EXCEPTION_STATUS.get(name, 0), frame.payload)
