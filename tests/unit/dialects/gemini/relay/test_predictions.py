"""What predictions take: pictures of a reply, seconds of video of a request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.core.body import Body
from penstock.core.usage import Usage
from penstock.dialects.gemini.relay.predictions import asked, made


def test_pictures() -> None:
    picture = {"mimeType": "image/png", "bytesBase64Encoded": "aGk="}
    assert made({"predictions": [picture, {"raiFilteredReason": "no"}, picture]}) == Usage(
        units={"image.default.default": 2}
    )
    assert made({"predictions": []}) is None
    assert made({"totalTokens": 3}) is None


@pytest.mark.parametrize(
    ("parameters", "unit", "seconds"),
    [
        ({}, "1280_720", 8),
        ({"durationSeconds": 4, "sampleCount": 2, "aspectRatio": "9:16"}, "720_1280", 8),
        ({"durationSeconds": "6", "resolution": "1080p"}, "1920_1080", 6),
        ({"durationSeconds": -1, "sampleCount": 9**9, "resolution": 7}, "1280_720", 8),
        (None, "1280_720", 8),
    ],
)
def test_videos(parameters: Any, unit: str, seconds: int) -> None:
    usage = made({"name": "models/veo-3.0/operations/a1"})
    request = Body.parse(json.dumps({"instances": [{}], "parameters": parameters}).encode())
    assert asked(request, usage) == Usage(units={f"video_duration_seconds_{unit}": seconds})


def test_other_replies_stay_as_they_are() -> None:
    usage = Usage(units={"image.default.default": 1})
    assert asked(Body.parse(b'{"instances": []}'), usage) is usage
    assert asked(Body.parse(b"{}"), None) is None
    assert made({"name": "files/a"}) is None
    assert made({"name": "tunedModels/a/operations/b"}) is None


def test_videos_are_paid_for_once_however_often_they_are_asked_about() -> None:
    name = "projects/p/locations/us-central1/publishers/google/models/veo-3.0/operations/a1"
    for reply in ({"name": name}, {"name": name, "done": True, "response": {"videos": [{"gcsUri": "gs://a/b"}]}}):
        assert asked(Body.parse(json.dumps({"operationName": name}).encode()), made(reply)) is None
