import json

from penstock.dialects.cohere.caller.texts import TEXTS as COHERE
from penstock.dialects.openai.caller.texts import TEXTS
from penstock.guards.windows import Windows, gathered_texts
from upstream import DONE, FINISH, ROLE, chunk


def test_a_window_is_due_when_it_is_full() -> None:
    windows = Windows(TEXTS, "chatComplete", 6, 2)

    def added(events: bytes) -> tuple[bool, bool]:
        windows.add(events)
        return windows.is_due, windows.waits

    assert added(ROLE + chunk({"content": "abc"})) == (False, True)
    assert added(chunk({"content": "def"})) == (True, True)
    assert [each.text for each in windows.texts()] == ["abcdef"]
    events, characters = windows.released()
    assert (events, characters) == (ROLE + chunk({"content": "abc"}) + chunk({"content": "def"}), 6)
    assert added(chunk({"content": "g"})) == (False, True)
    assert [each.text for each in windows.texts()] == ["efg"]
    assert added(FINISH) == (True, True)


def test_the_texts_of_a_whole_stream() -> None:
    stream = (
        ROLE + chunk({"content": "a"}) + chunk({"reasoning_content": "t"}) + chunk({"content": "b"}) + FINISH + DONE
    )
    assert [(each.text, each.is_plain) for each in gathered_texts(stream, TEXTS, "chatComplete")] == [("ab", True), ("t", False)]  # fmt: skip


def test_a_name_in_pieces_is_judged_as_a_whole() -> None:
    def call(**function: str) -> bytes:
        return chunk({"tool_calls": [{"index": 0, "function": function}]})

    windows = Windows(TEXTS, "chatComplete", 1, 0)

    def is_due(events: bytes) -> bool:
        windows.add(events)
        return windows.is_due

    assert not is_due(chunk({"content": "so "}) + call(name="edit_ex"))
    assert not is_due(call(name="isting_file"))
    assert is_due(call(arguments="{}"))
    assert [each.text for each in windows.texts()] == ["so ", "{}", "edit_existing_file"]
    windows.released()
    windows.add(call(arguments=" "))
    assert [each.text for each in windows.texts()] == [" "]
    pieces = call(name="edit_ex") + call(name="isting_file")
    assert [each.text for each in gathered_texts(pieces, TEXTS, "chatComplete")] == ["edit_existing_file"]


def test_a_name_without_end_does_not_wait_for_ever() -> None:
    windows = Windows(TEXTS, "chatComplete", 1, 0)
    piece = chunk({"tool_calls": [{"index": 0, "function": {"name": "n" * 1000}}]})
    while not windows.is_due:
        windows.add(piece)
    assert len(windows.released()[0]) < 1 << 19


def test_halves_of_a_surrogate_pair_are_one_character() -> None:
    windows = Windows(TEXTS, "chatComplete", 100, 10)
    for half in (r"\ud83d", r"\ude00"):
        windows.add(b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % half.encode())
    assert [each.text for each in windows.texts()] == ["\U0001f600"]


def test_an_event_that_only_clients_may_read() -> None:
    windows = Windows(TEXTS, "chatComplete", 100, 10)
    windows.add(b"data: ping\n\n")
    assert not windows.is_unreadable
    other = Windows(COHERE, "chat", 100, 10)
    other.add(b'event: message-end\ndata: {"type":"message-end"}\n\ndata: [DONE]\n\n')
    assert not other.is_unreadable
    windows.add(b'data: {"choices":[{"index":0,"delta":{"content":"bad"}}]\n\n')
    assert windows.is_unreadable


def test_other_texts_of_an_event_are_in_its_window() -> None:
    windows = Windows(TEXTS, "chatComplete", 100, 10)
    windows.add(b'data: {"id":"c","choices":[],"search_results":[{"title":"t","url":"u"}]}\n\n')
    assert [each.text for each in windows.texts()] == ["t"]


def test_what_each_event_tells_again_fills_no_window_with_each() -> None:
    windows = Windows(TEXTS, "chatComplete", 100, 10)
    sources = [{"title": "t" * 60, "snippet": "s" * 60}]
    due, judged, text = 0, list[str](), ""
    for letter in "abcdefghij":
        text += letter * 20
        message = {"content": text}
        choice = {"index": 0, "delta": {"content": letter * 20}, "message": message, "finish_reason": None}
        windows.add(b"data: " + json.dumps({"search_results": sources, "choices": [choice]}).encode() + b"\n\n")
        if windows.is_due:
            due += 1
            judged += [each.text for each in windows.texts()]
            windows.released()
    judged += [each.text for each in windows.texts()]
    assert due == 2
    assert sorted([each for each in judged if each[0] in "ts"], reverse=True) == ["t" * 60, "s" * 60]
    assert text in judged


def test_a_window_holds_a_message_so_far_once() -> None:
    windows = Windows(TEXTS, "chatComplete", 100, 10)

    def judged(text: str) -> list[str]:
        message = {"content": text}
        windows.add(b"data: " + json.dumps({"choices": [{"index": 0, "delta": {}, "message": message}]}).encode() + b"\n\n")  # fmt: skip
        return [each.text for each in windows.texts()]

    assert judged("a") == ["a"]
    assert judged("ab") == ["ab"]
    assert judged("ab") == ["ab"]
    # One that begins anew takes the place of none: events with both go on.
    assert judged("xy") == ["ab", "xy"]
    assert judged("xyz") == ["ab", "xyz"]
    assert windows.released()[1] == 5
    assert judged("xyz") == []
    assert judged("xyz!") == ["xyz!"]
    assert windows.released()[1] == 1
