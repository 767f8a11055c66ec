"""What one request takes: what is measured of its body, by its operation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from penstock.core.body import Body
from penstock.core.operation import Operation
from penstock.core.usage import Usage
from penstock.dialects.registry import caller_dialect
from penstock.limits.estimate import UNMEASURED
from penstock.limits.pricing import PricedModel
from penstock.pipeline.admission.request_meter import RequestMeter
from penstock.routing.plan import Target


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


class Prices:
    """A book that has a price for pictures and one for characters, and none for tokens."""

    def prices(self, *_: object, strict: bool) -> None:
        return None

    def charge(self, _model: PricedModel, usage: Usage) -> Any:
        return SimpleNamespace(nanos=sum(usage.units.values()) * (7 if "characters" in usage.units else 1000))


@pytest.mark.parametrize(
    ("operation", "body", "cost"),
    [
        (Operation.IMAGES, b'{"prompt":"a cat","n":4,"size":"1024x1024"}', 4000),
        (Operation.IMAGES, b'{"prompt":"a cat"}', 1000),
        (Operation.IMAGE_EDITS, b'{"prompt":"a cat","n":"3"}', 3000),
        (Operation.IMAGES, b'{"prompt":"a cat","n":-3}', 1000),
        (Operation.SPEECH, b'{"input":"cat"}', 21),
        (Operation.PREDICT_LATER, b'{"instances":[{}],"parameters":{"durationSeconds":6,"sampleCount":2}}', 12_000),
        (Operation.RERANK, b'{"query":"cat","documents":["a"]}', None),
    ],
)
def test_pictures_and_spoken_characters_are_reserved_for(operation: Operation, body: bytes, cost: int | None) -> None:
    statistics = SimpleNamespace(typical=lambda *_: UNMEASURED)
    admitter = cast("Any", SimpleNamespace(finish=None, pricing=Prices(), statistics=statistics))
    limits = cast("Any", SimpleNamespace(has_strict=False))
    wires = {Operation.SPEECH: "speech", Operation.PREDICT_LATER: "gemini", Operation.RERANK: "typed"}
    asked = caller_dialect(wires.get(operation, "images")).replies.asked
    meter = RequestMeter(admitter, limits, {}, operation, "t", "m", Body.parse(body), asked=asked)
    assert meter.estimate(Target("root", "echo")).normal.cost == cost


@pytest.mark.parametrize("operation", [Operation.COUNT_TOKENS, Operation.FETCH_PREDICTED])
def test_what_no_provider_bills_takes_nothing(operation: Operation) -> None:
    admitter, limits = cast("Any", SimpleNamespace(finish=None)), cast("Any", SimpleNamespace(has_strict=True))
    meter = RequestMeter(admitter, limits, {}, operation, "t", "m", Body.parse(b'{"operationName":"a"}'))
    estimate = meter.estimate(Target("root", "echo"))
    assert (estimate.normal.cost, estimate.normal.input, estimate.not_bounded) == (0, 0, "")
