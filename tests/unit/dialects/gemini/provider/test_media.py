"""Images, sounds and files as Gemini takes them."""

from typing import Any

import pytest

from gemini_requests import BUDGET, GEMMA, LEVEL, PICTURE, VERTEX, of, payload, says, told
from matrix import (
    MATRIX,
    PIXEL,
    WAV,
    ask,
    image,
    user,
)


def test_a_family_may_not_see() -> None:
    body = MATRIX["image_data"] | {"messages": [*MATRIX["image_data"]["messages"], *MATRIX["file_data"]["messages"]]}
    assert of(GEMMA, body) == (
        told(says("What is this?", "Sum up.")),
        ("messages[0].content[1]", "messages[1].content[1]"),
    )


# Media.


def linked(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "file", "file": {"file_url": url, **more}}


@pytest.mark.parametrize(
    ("part", "mime"),
    [
        (image("gs://bucket/cat.PNG?x=1.pdf"), "image/png"),
        (image("https://example.com/cat", mime_type="image/heic"), "image/heic"),
        (image("https://example.com/cat.jpg", mime_type="image/jpg"), "image/jpeg"),
        (linked("https://example.com/a?file=b.pdf"), ""),
        (linked("https://www.youtube.com/watch?v=1"), ""),
        (linked("https://generativelanguage.googleapis.com/v1beta/files/abc"), ""),
        (linked("https://example.com/film", filename="film.mov"), "video/mov"),
        ({"type": "video_url", "video_url": "https://example.com/film.mp4"}, "video/mp4"),
        ({"type": "input_audio", "input_audio": {"data": "gs://bucket/sound", "format": "mp3"}}, "audio/mp3"),
    ],
)
def test_links_say_what_they_lead_to(part: dict[str, Any], mime: str) -> None:
    (found,) = payload(ask(user(part)))[0]["contents"][0]["parts"]
    assert found["fileData"].get("mimeType", "") == mime


@pytest.mark.parametrize(
    ("part", "mime"),
    [
        (image("https://example.com/cat"), "image/jpeg"),
        (linked("https://youtu.be/1"), "video/mp4"),
        (linked("https://example.com/a"), "application/pdf"),
        ({"type": "input_audio", "input_audio": {"data": "gs://bucket/sound"}}, "audio/wav"),
        ({"type": "file", "file": {"file_id": "gs%3A%2F%2Fbucket%2Fa.txt"}}, "application/pdf"),
    ],
)
def test_vertex_wants_a_type_for_every_link(part: dict[str, Any], mime: str) -> None:
    (found,) = payload(ask(user(part)), VERTEX)[0]["contents"][0]["parts"]
    assert found["fileData"]["mimeType"] == mime


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("files/abc", "https://generativelanguage.googleapis.com/v1beta/files/abc"),
        ("gs%3A%2F%2Fbucket%2Fa.pdf", "gs://bucket/a.pdf"),
        ("file-123", "file-123"),
    ],
)
def test_stored_files_have_an_address(given: str, address: str) -> None:
    (found,) = payload(ask(user({"type": "file", "file": {"file_id": given}})))[0]["contents"][0]["parts"]
    assert found == {"fileData": {"fileUri": address}}


@pytest.mark.parametrize(
    ("form", "mime"),
    [
        ("mp3", "audio/mp3"),
        ("opus", "audio/ogg"),
        ("pcm16", "audio/pcm"),
        ("x-m4a", "audio/m4a"),
        ("amr", "audio/amr"),
        ("", "audio/wav"),
    ],
)
def test_sounds_have_a_type(form: str, mime: str) -> None:
    part = {"type": "input_audio", "input_audio": {"data": WAV, "format": form}}
    assert payload(ask(user(part))) == (told(says({"inlineData": {"mimeType": mime, "data": WAV}})), ())


@pytest.mark.parametrize(
    ("name", "mime"), [("notes.md", "text/markdown"), ("", "application/pdf"), ("what", "application/pdf")]
)
def test_a_file_without_a_type_is_known_by_its_name(name: str, mime: str) -> None:
    part = {"type": "file", "file": {"file_data": "SGVsbG8=", "filename": name}}
    assert payload(ask(user(part))) == (told(says({"inlineData": {"mimeType": mime, "data": "SGVsbG8="}})), ())


@pytest.mark.parametrize(
    ("detail", "level"), [("low", "MEDIA_RESOLUTION_LOW"), ("high", "MEDIA_RESOLUTION_HIGH"), ("auto", "")]
)
def test_gemini_3_takes_a_resolution_for_each_image(detail: str, level: str) -> None:
    body = ask(user(image(f"data:image/png;base64,{PIXEL}", detail=detail)))
    expected = {**PICTURE, "mediaResolution": {"level": level}} if level else PICTURE
    assert of(LEVEL, body) == (told(says(expected)), ())
    assert of(BUDGET, body)[1] == (("messages[0].content[0].image_url.detail",) if level else ())
