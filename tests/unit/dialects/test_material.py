"""Material of messages that was left out is told by its path and kind."""

from penstock.core.chat import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    Inline,
    Link,
    Message,
    Stored,
    TextPart,
    ToolResult,
    UnknownPart,
    Wording,
)
from penstock.dialects.material import lost_material, material

IMAGE = ImagePart(Link("https://a/b.png"))
REQUEST = ChatRequest(
    "m",
    (
        Message("user", (TextPart("x"), IMAGE, AudioPart(Inline("audio/wav", "AA"))), path="messages[0]"),
        Message("assistant", (IMAGE,), path="messages[1]"),
        Message("tool", (ToolResult("1", (FilePart(Stored("f")), UnknownPart("odd", {}))),), path="messages[2]"),
    ),
)


def test_what_is_material() -> None:
    assert material(REQUEST) == {
        "messages[0].content[1]": "an image at an address",
        "messages[0].content[2]": "a sound of type audio/wav",
        "messages[2].content[0]": "a file under a stored file's id",
        "messages[2].content[1]": "a part of type 'odd'",
    }


def test_what_is_lost() -> None:
    dropped = ("seed", "messages[0].content[1]", "messages[1].content[0]", "messages[0].content[2].cache_control")
    assert lost_material(REQUEST, dropped) == {"messages[0].content[1]": "an image at an address"}
    assert lost_material(REQUEST, ("seed",)) == {}


def test_it_is_told_as_the_caller_has_it() -> None:
    message = Message("user", (TextPart("x"), IMAGE), path="contents[0]")
    request = ChatRequest("m", (message,), wording=Wording(inside={".content[": ".parts["}))
    assert material(request) == {"contents[0].parts[1]": "an image at an address"}
    assert lost_material(request, ("contents[0].parts[1]",)) == material(request)
