"""What one request takes: what is measured of its body, by its operation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from penstock.core.body import Body
from penstock.pipeline.admission.request_meter import RequestMeter
from penstock.providers.row import Operation


@pytest.mark.parametrize(
    ("operation", "has_output"),
    [(Operation.CHAT, True), (Operation.INVOKE, True), (Operation.EMBEDDINGS, False), (Operation.IMAGES, False)],
)
def test_an_answer_is_reserved_for_where_a_model_writes_text(operation: Operation, has_output: bool) -> None:
    admitter = cast("Any", SimpleNamespace(finish=None))
    body = Body.parse(b'{"prompt":"Hi","max_gen_len":9}')
    meter = RequestMeter(admitter, cast("Any", None), {}, operation, "t", "m", body)
    size = meter.measure(None)
    assert size.has_output is has_output
    assert size.text_bytes == len(b'"Hi"')
