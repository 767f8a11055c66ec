"""Every framing keeps to the one bound of a frame, and says why bytes are none without quoting them."""

from types import ModuleType

import pytest

from penstock.dialects.framing import aws_eventstream, ndjson, sse
from penstock.dialects.framing.frame import MAX_FRAME, FrameError


@pytest.mark.parametrize("framing", [sse, ndjson, aws_eventstream])
def test_every_framing_has_the_one_bound(framing: ModuleType) -> None:
    assert vars(framing)["MAX_FRAME"] == MAX_FRAME


def test_a_frame_error_is_a_value_error() -> None:
    assert issubclass(FrameError, ValueError)
