"""Parts of Gemini's contents: data, addresses, and what only Google has."""

from gemini_caller import answer, asked, model
from penstock.core.chat import (
    AudioPart,
    FilePart,
    ImagePart,
    Inline,
    Link,
    NativePart,
    Owner,
    Stored,
)


def test_media() -> None:
    data = [
        {"inlineData": {"mimeType": "image/png", "data": "a-_b"}},
        {"inline_data": {"mime_type": "audio/mpeg", "data": "aa=="}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "https://x/a.pdf"}},
        {"fileData": {"fileUri": "files/1"}},
    ]
    assert asked({"parts": data}).messages[0].parts == (
        ImagePart(Inline("image/png", "a+/b")),
        AudioPart(Inline("audio/mpeg", "aa=="), "mp3"),
        FilePart(Link("https://x/a.pdf", "application/pdf")),
        FilePart(Stored("files/1", "", Owner.GOOGLE)),
    )


def test_what_only_google_has_is_kept_with_words() -> None:
    (part,) = answer(model({"executable_code": {"language": "PYTHON", "code": "1+1"}}))
    assert isinstance(part, NativePart)
    assert (part.owner, part.text) == (Owner.GOOGLE, "```python\n1+1\n```")
