"""The conversation in Converse's blocks: ids, results, files, whose reasoning."""

from __future__ import annotations

from typing import Any

import pytest

from converse_requests import (
    ASK_WEATHER,
    CLAUDE,
    HI,
    KIMI,
    NOVA,
    POINT,
    TOOLS,
    answered,
    asked,
    gave,
    told,
    used,
    written,
)
from matrix import (
    HELLO,
    MATRIX,
    PDF,
    PIXEL,
    TIME_CALL,
    WAV,
    WEATHER,
    WEATHER_CALL,
    ask,
    call,
    called,
    image,
    result,
    text,
    user,
)
from penstock.core.traits import ANY_MODEL, Traits
from penstock.traits import resolve


@pytest.mark.parametrize(
    ("given", "traits", "kept"),
    [
        ("functions.get_time:0", KIMI, True),  # docs/quirks.md#q61: Kimi's own ids go back to it as they were
        ("functions.get_time:0", ANY_MODEL, True),
        ("functions.get_time:0", CLAUDE, False),
        ("x" * 64, CLAUDE, True),
        ("x" * 65, KIMI, False),
        ("call/1", KIMI, False),
        ("", KIMI, False),
    ],
)
def test_ids_are_kept_or_mapped_alike_in_call_and_result(given: str, traits: Traits, kept: bool) -> None:
    messages = (HELLO, called(call(given, "get_time", "")), result(given or "other", "9"))
    turns = written(ask(*messages), traits)[0]["messages"]
    made, got = turns[1]["content"][0]["toolUse"]["toolUseId"], turns[2]["content"][0]["toolResult"]["toolUseId"]
    assert (made == given) is kept
    assert 0 < len(made) <= 64
    assert made == got or not given


def test_an_id_that_is_used_again_becomes_another() -> None:
    once = called(call("call_0", "f", "{}")), result("call_0", "1")
    body, _ = written(ask(HELLO, *once, HELLO, *once))
    assert [block["toolUse"]["toolUseId"] for turn in body["messages"] for block in turn["content"] if "toolUse" in block] == [
        "call_0", "call_0-2",
    ]  # fmt: skip
    assert [block["toolResult"]["toolUseId"] for turn in body["messages"] for block in turn["content"] if "toolResult" in block] == [
        "call_0", "call_0-2",
    ]  # fmt: skip


def test_an_image_that_may_not_stand_in_a_result_stands_beside_it() -> None:
    seeing = resolve("us.meta.llama3-2-90b-instruct-v1:0", "bedrock")
    body, dropped = written(MATRIX["result_image"], seeing)
    inside, _ = written(MATRIX["result_image"])
    (before,) = inside["messages"][2]["content"]
    result, image = body["messages"][2]["content"]
    assert [list(block) for block in before["toolResult"]["content"]] == [["text"], ["image"]]
    assert [list(block) for block in result["toolResult"]["content"]] == [["text"]]
    assert image == before["toolResult"]["content"][1]
    assert dropped == ()


def test_a_document_is_spoken_of() -> None:
    part = {"type": "file", "file": {"filename": "report.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}}
    body, _ = written(ask(user(part)))
    assert body["messages"][0]["content"][1] == {"text": "report"}
    body, _ = written(ask(user(part, text("Sum up."))))
    assert [list(block) for block in body["messages"][0]["content"]] == [["document"], ["text"]]


def test_mistrals_ids_are_nine_letters_and_digits() -> None:
    ids = {}
    for given in ("call_1", "tooluse_abcdefghijklm", "abcDEF123"):
        body, _ = written(
            ask(HELLO, called(call(given, "f", "{}")), result(given, "1")), ANY_MODEL, "mistral.ministral-3-8b"
        )
        call_id = body["messages"][1]["content"][0]["toolUse"]["toolUseId"]
        assert call_id == body["messages"][2]["content"][0]["toolResult"]["toolUseId"]
        assert len(call_id) == 9
        assert call_id.isalnum()
        ids[given] = call_id
    assert ids["abcDEF123"] == "abcDEF123"


def test_different_ids_stay_different() -> None:
    ids = ("a.b", "a:b", "a_b", "y" * 70, "y" * 71)
    calls = [call(each, "get_time", "{}") for each in ids]
    blocks = written(ask(HELLO, called(*calls)))[0]["messages"][1]["content"]
    assert len({block["toolUse"]["toolUseId"] for block in blocks}) == len(ids)


def test_results_come_first_each_with_its_cache_point() -> None:
    marked = {**result("call_1", "Sunny"), "cache_control": {"type": "ephemeral"}}
    inside = result("call_2", [text("9", cache_control={"type": "ephemeral", "ttl": "5m"})])
    body, dropped = written(ask(HELLO, called(WEATHER_CALL, TIME_CALL), user("Wait."), marked, inside))
    point = {"cachePoint": {"type": "default", "ttl": "5m"}}
    assert body["messages"][2] == asked(gave("call_1", "Sunny"), POINT, gave("call_2", "9"), point, "Wait.")
    assert dropped == ()


def test_a_tool_that_failed() -> None:
    messages = (HELLO, called(WEATHER_CALL))
    failed = {**result("call_1", "No network"), "is_error": True}
    expected = told(HI, ASK_WEATHER, asked(gave("call_1", "No network", status="error")), **TOOLS)
    assert written(ask(*messages, failed, tools=[WEATHER])) == (expected, ())
    silent = {**result("call_1", ""), "is_error": True}
    expected = told(HI, ASK_WEATHER, asked(gave("call_1", {"json": {}}, status="error")), **TOOLS)
    assert written(ask(*messages, silent, tools=[WEATHER])) == (expected, ())
    expected = told(HI, ASK_WEATHER, asked(gave("call_1", "No network")), **TOOLS)
    assert written(ask(*messages, failed, tools=[WEATHER]), KIMI) == (expected, ("messages[2].is_error",))


def test_a_result_holds_no_sound() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}
    body, dropped = written(ask(HELLO, called(WEATHER_CALL), result("call_1", [text("Hm"), sound]), tools=[WEATHER]))
    assert body["messages"][2] == asked(gave("call_1", "Hm"))
    assert dropped == ("messages[2].content[1]",)


def test_a_custom_tools_call_is_an_object() -> None:
    custom = {"id": "call_9", "type": "custom", "custom": {"name": "shell", "input": "ls -l"}}
    body, _ = written(ask(HELLO, called(custom)))
    assert body["messages"][1] == answered(used("shell", "call_9", input="ls -l"))


def test_blocks_in_converses_own_shape_pass() -> None:
    guarded = {"guardContent": {"text": {"text": "Tokyo", "qualifiers": ["grounding_source"]}}}
    request = ask(
        {"role": "system", "content": [guarded, image(f"data:image/png;base64,{PIXEL}"), used("f", "t")]},
        user({"type": "guardContent", **guarded}, guarded, {"type": "x", "guardContent": 1}, {**guarded, "text": "y"}),
    )
    dropped = tuple(f"messages[{n}].content[{m}]" for n, m in ((0, 1), (0, 2), (1, 2), (1, 3)))
    assert written(request) == (told(asked(guarded, guarded), system=[guarded]), dropped)


def test_blocks_of_others_do_not_pass() -> None:
    block = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    message = {"role": "assistant", "content": "Hi", "content_blocks": [block, {"type": "text", "text": "Hi"}]}
    assert written(ask(HELLO, message)) == (told(HI, answered("Hi")), ("messages[1].content[0]",))


def test_reasoning_goes_to_its_maker_only() -> None:
    signed = {"type": "reasoning.text", "text": "Hm.", "signature": "s", "format": "anthropic-claude-v1"}
    redacted = {"type": "reasoning.encrypted", "data": "ZGF0YQ==", "format": "amazon-bedrock-v1"}
    request = ask(HELLO, {"role": "assistant", "content": "Hi", "reasoning_details": [signed, redacted]})
    claudes = {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}}
    assert written(request)[0]["messages"][1] == answered(claudes, "Hi")
    novas = {"reasoningContent": {"redactedContent": "ZGF0YQ=="}}
    assert written(request, NOVA)[0]["messages"][1] == answered(novas, "Hi")
    assert written(request, KIMI) == (told(HI, answered("Hi")), ("messages.reasoning_details",))
    unsigned = {"type": "reasoning.text", "text": "Hm.", "format": "amazon-bedrock-v1"}
    request = ask(HELLO, {"role": "assistant", "content": "Hi", "reasoning_details": [unsigned]})
    assert written(request, NOVA) == (told(HI, answered("Hi")), ())


def test_the_beginning_of_claudes_answer_ends_in_no_space() -> None:
    request = ask(HELLO, {"role": "assistant", "content": "The answer is: \n"})
    assert written(request)[0]["messages"][1] == answered("The answer is:")
    assert written(request, KIMI)[0]["messages"][1] == answered("The answer is: \n")


def test_a_marker_on_what_is_left_out_is_told() -> None:
    request = ask(user(text(" ", cache_control={"type": "ephemeral"}), text("Hi")))
    assert written(request) == (told(asked("Hi")), ("messages[0].content[0].cache_control",))


def test_a_named_system_message_is_told() -> None:
    request = ask({"role": "system", "name": "ops", "content": "Be brief."}, HELLO)
    assert written(request) == (told(system=[{"text": "Be brief."}]), ("messages[0].name",))


def file(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "file", "file": {"filename": name, "file_data": PDF, **more}}


def test_what_is_said_of_a_document_is_said_to_claude() -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": PDF}
    about = {"context": "A report", "citations": {"enabled": True}}
    body = ask(user({"type": "document", "source": source, "title": "r.pdf", **about}, text("Sum up.")))
    told_of, dropped = written(body)
    assert (told_of["messages"][0]["content"][0]["document"], dropped) == (
        {"format": "pdf", "name": "r", "source": {"bytes": PDF}, **about},
        (),
    )
    plain, dropped = written(body, NOVA)
    assert plain["messages"][0]["content"][0]["document"].keys() == {"format", "name", "source"}
    assert set(dropped) == {"messages[0].content[0].context", "messages[0].content[0].citations"}


def test_documents_have_names_of_their_own() -> None:
    names = ["a_report.v2.pdf", "a-report-v2.pdf", "Über  die\tSee [1] (b).pdf", ".pdf", "x" * 300, "a-report-v2.pdf"]
    blocks = written(ask(user(text("Compare."), *map(file, names))))[0]["messages"][0]["content"][1:]
    assert [block["document"]["name"] for block in blocks] == [
        "a-report-v2",
        "a-report-v2 (2)",
        "-ber die See [1] (b)",
        "document",
        "x" * 180,
        "a-report-v2 (3)",
    ]


def test_amazons_store_is_read_by_amazon() -> None:
    stored = {"type": "file", "file": {"file_url": "s3://bucket/a/report.docx?versionId=1"}}
    picture, elsewhere = image("s3://bucket/cat.png"), image("gs://bucket/cat.png")
    sound = {"type": "input_audio", "input_audio": {"data": "s3://bucket/say.mp3"}}
    body, dropped = written(ask(user(text("See"), stored, picture, sound, elsewhere)))
    document, png, mp3 = body["messages"][0]["content"][1:]
    location = {"s3Location": {"uri": "s3://bucket/a/report.docx?versionId=1"}}
    assert document == {"document": {"format": "docx", "name": "document", "source": location}}
    assert png == {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://bucket/cat.png"}}}}
    assert mp3 == {"audio": {"format": "mp3", "source": {"s3Location": {"uri": "s3://bucket/say.mp3"}}}}
    assert dropped == ("messages[0].content[4]",)


def test_files_of_other_types_are_refused() -> None:
    tiff, zipped = image(f"data:image/tiff;base64,{PIXEL}"), file("a.zip", mime_type="application/zip")
    odd = {"type": "input_audio", "input_audio": {"data": WAV, "format": "pcm16"}}
    dropped = tuple(f"messages[0].content[{n}]" for n in (1, 2, 3))
    assert written(ask(user(text("See"), tiff, zipped, odd))) == (told(asked("See")), dropped)


def test_an_assistant_shows_no_images() -> None:
    message = {"role": "assistant", "content": [text("See"), image(f"data:image/png;base64,{PIXEL}")]}
    assert written(ask(HELLO, message)) == (told(HI, answered("See")), ("messages[1].content[1]",))
