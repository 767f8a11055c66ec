"""Whatever the events' pieces are: the text of a stream is what the whole text becomes."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judging import hooks_of
from penstock.dialects.anthropic.caller.texts import TEXTS as ANTHROPIC
from penstock.dialects.cohere.caller.texts import TEXTS as COHERE
from penstock.dialects.framing import sse
from penstock.dialects.gemini.caller.texts import TEXTS as GEMINI
from penstock.dialects.ollama.caller.texts import CHAT_TEXTS as OLLAMA
from penstock.dialects.openai.caller.texts import TEXTS
from penstock.dialects.responses.caller.texts import TEXTS as RESPONSES
from penstock.dialects.texts import TextView
from penstock.guards.held_events import HeldEvents
from penstock.guards.restore import Restoring
from trials import WITH_TIME, trials
from upstream import DONE, FINISH, ROLE, chunk

pytestmark = WITH_TIME
REDACTS = {"regexReplace": {"rule": r"/\d{3}-\d{2}-\d{4}/g"}}
DENIES = {"contains": {"words": ["bad"], "operator": "none"}, "deny": True}


def held(*hooks: dict[str, Any]) -> HeldEvents:
    return HeldEvents(hooks_of({"output_guardrails": list(hooks)})[1], TEXTS, "chatComplete")


def text_of(events: bytes, choice: int = 0) -> str:
    values = [json.loads(data) for _, data in sse.events(events) if data != b"[DONE]"]
    choices = [each for value in values for each in value["choices"] if each["index"] == choice]
    return "".join(each["delta"].get("content") or "" for each in choices)


@trials(300)
@given(st.lists(st.text("1234-ab", max_size=6), max_size=12))
def test_any_chunking_of_a_stream(pieces: list[str]) -> None:
    text = "".join(pieces)
    whole = held(REDACTS)
    expected = text_of(whole.feed(chunk({"content": text}) + FINISH + DONE))
    guard = held(REDACTS)
    events = [ROLE, *[chunk({"content": piece}) for piece in pieces], FINISH, DONE]
    passed = b"".join([guard.feed(event) for event in events])
    assert text_of(passed) == expected
    assert passed.endswith(FINISH + DONE)


def test_each_choice_waits_for_itself() -> None:
    guard = held(REDACTS)

    def both(first: str, second: str) -> bytes:
        value = {"choices": [{"index": 0, "delta": {"content": first}}, {"index": 1, "delta": {"content": second}}]}
        return b"data: " + json.dumps(value).encode() + b"\n\n"

    passed = guard.feed(both("123-45", "x 123") + both("-6789", " y")) + guard.finish()
    assert (text_of(passed), text_of(passed, 1)) == ("[REDACTED]", "x 123 y")


def test_what_is_out_of_scope_passes() -> None:
    guard = held(REDACTS)
    thought = chunk({"reasoning_content": "123-45-6789"})
    assert guard.feed(thought) == thought


def test_untouched_events_keep_their_bytes() -> None:
    guard = held(REDACTS)
    events = ROLE + b": comment\n\n" + b'data:{"choices":[],"usage":null}\n\n' + FINISH + DONE
    assert guard.feed(events) == events


def test_a_denial_lets_pass_what_stands_before() -> None:
    guard = held(DENIES)
    passed = guard.feed(chunk({"content": "so good, so ba"})) + guard.feed(chunk({"content": "d, and more"}))
    assert (text_of(passed), guard.denied) == ("so good, so ", True)
    assert guard.feed(chunk({"content": "x"})) == b""
    assert guard.finish() == b""
    [run] = guard.runs(0.0, 1)
    assert (run.verdict, run.denies) == (False, True)


def test_several_rules_and_what_they_say() -> None:
    guard = held(REDACTS, DENIES)
    passed = guard.feed(chunk({"content": "123-45-6789"}) + FINISH)
    assert text_of(passed) == "[REDACTED]"
    first, second = guard.runs(0.0, 1)
    assert (first.transformed, first.verdict, second.transformed, second.verdict) == (True, True, False, True)


def test_anthropics_events() -> None:
    hooks = hooks_of({"output_guardrails": [REDACTS]})[1]
    guard = HeldEvents(hooks, ANTHROPIC, "messages")

    def event(name: str, **members: Any) -> bytes:
        return f"event: {name}\ndata: {json.dumps({'type': name, **members})}\n\n".encode()

    def delta(text: str) -> bytes:
        return event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})

    stop = event("content_block_stop", index=0)
    passed = guard.feed(delta("is 123-") + delta("45-67") + delta("89") + stop + event("message_stop"))
    values = [json.loads(data) for _, data in sse.events(passed)]
    texts = [value["delta"]["text"] for value in values if "delta" in value]
    assert "".join(texts) == "is [REDACTED]"
    assert [value["type"] for value in values][-2:] == ["content_block_stop", "message_stop"]


NAMING: dict[str, Any] = {
    "contains": {"words": ["isting_file", "ab_cd"], "operator": "none"}, "deny": True, "scope": "all", "stream": "hold",
}  # fmt: skip


def naming(*names: str, index: int = 0, choice: int = 0, call: str = "", arguments: str = "") -> list[bytes]:
    """The events of a call whose name comes in pieces, and its first arguments."""
    pieces: list[dict[str, Any]] = [{"index": index, "function": {"name": each}} for each in names]
    pieces[0] |= {"id": call or f"c{index}", "type": "function"}
    pieces[0]["function"]["arguments"] = ""
    last: list[dict[str, Any]] = [{"index": index, "function": {"arguments": arguments}}] if arguments else []
    return [
        b"data: " + json.dumps({"choices": [{"index": choice, "delta": {"tool_calls": [each]}}]}).encode() + b"\n\n"
        for each in [*pieces, *last]
    ]


def test_a_name_in_pieces_is_judged_as_a_whole() -> None:
    """As some hosts of Gemini's write it."""
    guard = held(NAMING)
    events = [*naming("edit_ex", "isting_file", arguments="{}"), FINISH, DONE]
    assert (b"".join([guard.feed(each) for each in events]), guard.denied) == (b"", True)
    for end in (FINISH, DONE, b"", chunk({"content": "x"}), *naming("other", index=1)):
        guard = held(NAMING)
        passed = b"".join([guard.feed(each) for each in [*naming("edit_ex", "isting_file"), end]])
        assert (passed + guard.finish(), guard.denied) == (b"", True)


@trials(200)
@given(st.text("abcd_", min_size=1, max_size=8), st.lists(st.integers(0, 7), max_size=4), st.booleans())
def test_any_chunking_of_a_name(name: str, cuts: list[int], has_arguments: bool) -> None:
    places = [0, *sorted({cut % len(name) for cut in cuts} - {0}), len(name)]
    pieces = [name[start:end] for start, end in itertools.pairwise(places)]
    if any(piece == name[:place] for piece, place in zip(pieces[1:], places[1:], strict=False)):
        return  # hosts that repeat a name are read otherwise
    guard = held(NAMING)
    events = [ROLE, *naming(*pieces, arguments='{"a":1}' if has_arguments else ""), FINISH, DONE]
    passed = b"".join([guard.feed(each) for each in events])
    assert guard.denied is ("ab_cd" in name)
    assert passed == (ROLE if guard.denied else b"".join(events))


def test_a_name_that_is_repeated_is_read_once_and_twice() -> None:
    guard = held(NAMING)
    events = [*naming("cd_ab_", "cd_ab_", arguments="{}"), FINISH, DONE]
    assert (b"".join([guard.feed(each) for each in events]), guard.denied) == (b"", True)
    guard = held(NAMING)
    events = [*naming("get", "get", arguments="{}"), FINISH, DONE]
    assert b"".join([guard.feed(each) for each in events]) == b"".join(events)


def test_two_calls_under_one_index_have_names_of_their_own() -> None:
    first, second = naming("x_ab_", call="c1"), naming("cd", call="c2", arguments="{}")
    guard = held(NAMING)
    assert (b"".join([guard.feed(each) for each in [*first, *second]]), guard.denied) == (b"", True)
    guard = held(NAMING | {"contains": {"words": ["bad"], "operator": "none"}})
    second = naming("a bad one", call="c2", arguments="{}")
    assert (b"".join([guard.feed(each) for each in [*first, *second]]), guard.denied) == (b"", True)


def test_what_comes_behind_an_unfinished_name_keeps_its_place() -> None:
    guard = held(NAMING)
    other = chunk({"content": "hello "}).replace(b'"index": 0', b'"index": 1')
    events = [*naming("get_"), other, other, *naming("weather", arguments="{}")]
    passed = [guard.feed(each) for each in events]
    assert passed == [b"", b"", b"", b"", b"".join(events)]


def test_a_name_without_end_does_not_wait_for_ever() -> None:
    guard = held(NAMING)
    passed = b"".join([guard.feed(event) for _ in range(300) for event in naming("n" * 1000)])
    assert (len(passed) > 1 << 18, guard.denied) == (True, False)


def test_a_call_that_waited_is_named_once() -> None:
    guard = held({**REDACTS, "kinds": ["tool_call"]})
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":123-'}}
    beside = {"role": "assistant", "tool_calls": [call]}
    passed = guard.feed(chunk(beside) + chunk({"tool_calls": [{"index": 0, "function": {"arguments": "45"}}]}))
    passed += guard.feed(FINISH)
    deltas = [json.loads(data)["choices"][0]["delta"] for _, data in sse.events(passed)]
    calls = [each for delta in deltas for each in delta.get("tool_calls", ())]
    assert "".join(each["function"]["arguments"] for each in calls) == '{"a":123-45'
    whole = held({**REDACTS, "kinds": ["tool_call"]})
    events = whole.feed(chunk(beside) + FINISH)
    deltas = [json.loads(data)["choices"][0]["delta"] for _, data in sse.events(events)]
    calls = [each for delta in deltas for each in delta.get("tool_calls", ())]
    assert "".join(each["function"]["arguments"] for each in calls) == '{"a":123-'
    assert [each["id"] for each in calls if "id" in each] == ["c"]
    assert [each["function"]["name"] for each in calls if "name" in each["function"]] == ["f"]
    assert [delta["role"] for delta in deltas if "role" in delta] == ["assistant"]


def test_numbers_of_events_stay_dense() -> None:
    guard = HeldEvents(hooks_of({"output_guardrails": [REDACTS]})[1], RESPONSES, "createModelResponse")

    def event(number: int, kind: str, **members: Any) -> bytes:
        value = {"type": kind, "output_index": 0, "content_index": 0, **members, "sequence_number": number}
        return f"event: {kind}\ndata: {json.dumps(value)}\n\n".encode()

    passed = guard.feed(event(4, "response.output_text.delta", delta="a 123-", logprobs=[{"token": "a 123-"}]))
    passed += guard.feed(event(5, "response.output_text.done", text="a 123-"))
    passed += guard.feed(event(6, "response.output_item.done", item={"type": "message", "content": []}))
    values = [json.loads(data) for _, data in sse.events(passed)]
    assert [value["sequence_number"] for value in values] == [4, 5, 6, 7]
    assert "".join(value["delta"] for value in values if "delta" in value) == "a 123-"
    assert values[1]["logprobs"] == []
    assert [name for name, _ in sse.events(passed)][1] == b"response.output_text.delta"


def test_choices_that_end_with_one_event() -> None:
    guard = held(REDACTS)
    said = [{"index": index, "delta": {"content": "123-"}} for index in (0, 1)]
    ended: list[Any] = [{"index": index, "delta": {}, "finish_reason": "stop"} for index in (0, 1)]
    passed = guard.feed(b"".join(b"data: %b\n\n" % json.dumps({"choices": each}).encode() for each in (said, ended)))
    assert (text_of(passed), text_of(passed, 1)) == ("123-", "123-")


@trials(200)
@given(st.lists(st.text('1234-ab"\\\n ', max_size=6), max_size=12), st.lists(st.booleans(), max_size=12))
def test_events_that_are_alike_are_held_as_others_are(pieces: list[str], are_read: list[bool]) -> None:
    """Some events differ in a member that says nothing, so that they are read."""
    guard, other = held(REDACTS), held(REDACTS)
    passed = others = b""
    for index, piece in enumerate(pieces):
        event = chunk({"content": piece})
        passed += guard.feed(event)
        is_read = index < len(are_read) and are_read[index]
        others += other.feed(event.replace(b"{", b'{"obfuscation":"%d",' % index, 1) if is_read else event)
    passed, others = passed + guard.feed(FINISH + DONE), others + other.feed(FINISH + DONE)
    assert (
        text_of(passed) == text_of(others) == text_of(held(REDACTS).feed(chunk({"content": "".join(pieces)}) + FINISH))
    )


def test_a_piece_of_a_name_beside_arguments_is_put_to_the_others_each_time() -> None:
    guard = held(NAMING | {"contains": {"words": ["sese"], "operator": "none"}})
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "se", "arguments": " "}}
    event = chunk({"tool_calls": [call]})
    assert (guard.feed(event), guard.text_of(event)) == (event, None)
    assert (guard.feed(event), guard.denied) == (b"", True)


SECRET = "123-45-6789"
ALL: dict[str, Any] = {"scope": "all", "stream": "hold"}


def passed_whole(events: bytes, *hooks: dict[str, Any]) -> bytes:
    guard = held(*hooks)
    return guard.feed(events) + guard.finish()


@pytest.mark.parametrize(
    "choice",
    [
        {"delta": {"content": SECRET}, "text": SECRET},
        {"delta": {"content": ""}, "message": {"role": "assistant", "content": f"so {SECRET}"}},
        {"delta": {"content": ""}, "logprobs": {"content": [{"token": "x"}]}},
    ],
)
def test_a_text_that_stands_in_a_chunk_once_more_is_changed_there_too(choice: dict[str, Any]) -> None:
    event = b"data: " + json.dumps({"choices": [{"index": 0, **choice}]}).encode() + b"\n\n"
    assert SECRET.encode() not in passed_whole(event + FINISH + DONE, REDACTS)


def test_of_a_message_so_far_nothing_goes_on_that_may_become_a_match() -> None:
    guard = held(REDACTS)
    passed = b""
    for end in range(1, len(SECRET) + 1):
        choice = {"index": 0, "delta": {"content": SECRET[end - 1 : end]}, "message": {"content": SECRET[:end]}}
        passed += guard.feed(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")
    assert not any(digit in passed for digit in b"123456789")


def so_far(text: str, piece: str, finish: str | None = None) -> bytes:
    """An event of Perplexity's, with the message so far and the sources beside each piece."""
    choice = {"index": 0, "delta": {"content": piece}, "message": {"content": text}, "finish_reason": finish}
    sources = [{"title": "A source", "snippet": "s" * 100}]
    return b"data: " + json.dumps({"choices": [choice], "search_results": sources}).encode() + b"\n\n"


@trials(300)
@given(st.lists(st.text("1234-ab", max_size=6), max_size=12))
def test_any_chunking_of_a_message_so_far(pieces: list[str]) -> None:
    text = "".join(pieces)
    whole = held(REDACTS).feed(so_far(text, text, "stop"))
    guard = held(REDACTS)
    ends = list(itertools.accumulate(pieces))
    events = [so_far(end, piece) for end, piece in zip(ends, pieces, strict=True)]
    passed = b"".join([guard.feed(event) for event in [*events, so_far(text, "", "stop"), DONE]])
    messages = [json.loads(data)["choices"][0].get("message") for _, data in sse.events(passed) if data != b"[DONE]"]
    told = [each["content"] for each in messages if each is not None]
    [expected] = [json.loads(data)["choices"][0]["message"]["content"] for _, data in sse.events(whole)]
    assert told[-1] == expected
    assert all(each.startswith(before) for before, each in itertools.pairwise(told))


def test_what_events_tell_again_is_judged_once() -> None:
    guard = held({**REDACTS, "scope": "all"})
    for number in range(1, 51):
        guard.feed(so_far("word " * number, "word "))
    guard.feed(so_far("word " * 50, "", "stop"))
    source = len("A source") + 100
    assert guard.released == 2 * len("word " * 50) + source


def test_tokens_beside_a_text_that_changes_are_left_out() -> None:
    tokens = {"content": [{"token": SECRET, "logprob": -1}]}
    changed = chunk({"content": f"{SECRET}."}).replace(
        b'"finish_reason"', b'"logprobs":' + json.dumps(tokens).encode() + b',"finish_reason"'
    )
    assert SECRET.encode() in changed
    assert SECRET.encode() not in passed_whole(changed + FINISH, REDACTS)
    untouched = changed.replace(SECRET.encode(), b"so")
    assert passed_whole(untouched, REDACTS) == untouched


def test_halves_of_a_surrogate_pair_are_one_character() -> None:
    denies = {"contains": {"words": ["bad\U0001f600"], "operator": "none"}, "deny": True}
    guard, denied = held(denies), list[bool]()
    for half in (b"bad\\ud83d", b"\\ude00"):
        guard.feed(b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % half)
        denied.append(guard.denied)
    assert denied == [False, True]
    alone = b'data: {"choices":[{"index":0,"delta":{"content":"so\\ud83d"}}]}\n\n'
    assert (
        text_of(passed_whole(chunk({"content": "a"}) + alone + chunk({"content": "b"}) + FINISH, denies))
        == "aso\ud83db"
    )
    assert text_of(passed_whole(alone, denies)) == "so\ud83d"


@pytest.mark.parametrize(
    "data", ['{"choices":[{"index":0,"delta":{"content":"x"}}]', '{"choices":' + "[" * 100_000 + "]" * 100_000 + "}"]
)
def test_nothing_goes_on_behind_an_event_that_only_clients_may_read(data: str) -> None:
    guard = held(REDACTS)
    before = chunk({"content": "a"})
    assert guard.feed(before + f"data: {data}\n\n".encode() + before) == before
    assert guard.is_unreadable
    assert held(REDACTS).feed(b"data: ping\n\n") == b"data: ping\n\n"


@pytest.mark.parametrize("view", [COHERE, ANTHROPIC, GEMINI, OLLAMA])
def test_the_mark_of_an_end_goes_on_in_wires_that_have_an_event_for_it(view: TextView) -> None:
    guard = HeldEvents(hooks_of({"output_guardrails": [{**REDACTS, **ALL}]})[1], view, next(iter(view.answered)))
    assert guard.feed(DONE) == DONE
    assert not guard.is_unreadable


def test_tokens_beside_a_text_that_only_waits_to_be_restored_stay() -> None:
    guard = HeldEvents([], TEXTS, "chatComplete", [Restoring({"[EMAIL_1]": "x@y.z"}).rule()])
    event = b'data: {"choices":[{"index":0,"delta":{"content":"to [EM"},"logprobs":{"content":[{"token":"to"}]}}]}\n\n'
    assert b'"token":"to"' in guard.feed(event)


def test_what_comes_back_to_the_caller_hides_nothing_behind_an_event_that_is_no_json() -> None:
    restoring = Restoring({"[EMAIL_1]": "x@y.z"}).rule()
    guard = HeldEvents([], TEXTS, "chatComplete", [restoring])
    cut = b'data: {"n":\n\n'
    passed = guard.feed(cut + chunk({"content": "to [EMAIL_1]"}) + FINISH + DONE)
    assert passed.startswith(cut)
    assert passed.endswith(FINISH + DONE)
    assert text_of(passed.removeprefix(cut)) == "to x@y.z"


def test_a_number_of_thousands_of_digits_hides_no_text() -> None:
    event = b'data: {"n":' + b"1" * 5000 + b',"choices":[{"index":0,"delta":{"content":"is 123-45-6789."}}]}\n\n'
    passed = passed_whole(event + FINISH, REDACTS)
    assert b"[REDACTED]" in passed
    assert SECRET.encode() not in passed


def test_other_texts_are_judged_with_all_and_told_once() -> None:
    redacts = {**REDACTS, **ALL}
    event = {"note": SECRET, "choices": [{"index": 0, "delta": {"content": "123-"}}], "object": "o"}
    passed = passed_whole(b"data: " + json.dumps(event).encode() + b"\n\n", redacts)
    assert SECRET.encode() not in passed
    assert text_of(passed) == "123-"
    assert passed.count(b'"note"') == 1
    assert passed.count(b'"object"') == 2


def test_pieces_in_members_that_nobody_knows_are_one_text() -> None:
    denies = {**DENIES, **ALL}
    guard = held(denies)
    guard.feed(chunk({"thoughts": "b"}) + chunk({"thoughts": "ad"}))
    assert guard.denied


def test_pieces_of_a_call_that_is_still_written_are_one_text() -> None:
    guard = HeldEvents(hooks_of({"output_guardrails": [{**DENIES, **ALL}]})[1], GEMINI, "generateContent")
    for name, piece in ({"name": "f"}, "b"), ({}, "ad"):
        call = {**name, "partialArgs": [{"jsonPath": "$.q", "stringValue": piece}], "willContinue": True}
        value = {"candidates": [{"content": {"parts": [{"functionCall": call}]}, "index": 0}]}
        assert not guard.denied
        guard.feed(b"data: " + json.dumps(value).encode() + b"\n\n")
    assert guard.denied


def test_what_a_response_repeats_of_its_request_is_no_answer() -> None:
    guard = HeldEvents(hooks_of({"output_guardrails": [{**DENIES, **ALL}]})[1], RESPONSES, "createModelResponse")
    repeated = {"instructions": "bad", "tools": [{"type": "function", "name": "bad"}], "output": []}
    event = {"type": "response.created", "response": repeated}
    guard.feed(b"data: " + json.dumps(event).encode() + b"\n\n")
    assert not guard.denied


def with_tokens(text: str, choice: int = 0, **members: Any) -> bytes:
    """A chunk with the tokens of its text."""
    tokens = [{"token": each, "logprob": -1} for each in text]
    choice_of: dict[str, Any] = {"index": choice, "delta": {"content": text}, "logprobs": {"content": tokens}}
    return b"data: " + json.dumps({"choices": [{**choice_of, **members}]}).encode() + b"\n\n"


def keeping(*hooks: dict[str, Any], view: TextView = TEXTS, kind: str = "chatComplete") -> HeldEvents:
    return HeldEvents(hooks_of({"output_guardrails": list(hooks)})[1], view, kind, asks_tokens=True)


def test_events_with_tokens_go_on_as_they_are_when_their_texts_may() -> None:
    guard, events = keeping(DENIES), [with_tokens(text) for text in ("a b", "a", "n b", "\U0001f600")]
    assert [guard.feed(each) for each in [ROLE, *events]] == [
        ROLE,
        b"",
        b"",
        events[0] + events[1],
        b"".join(events[2:]),
    ]
    assert guard.feed(events[0]) == b""
    assert guard.feed(FINISH) == events[0] + FINISH
    assert (guard.feed(DONE), guard.denied) == (DONE, False)


@trials(300)
@given(st.lists(st.tuples(st.text("bad -\U0001f600", max_size=4), st.integers(0, 1)), max_size=12), st.booleans())
def test_no_token_goes_on_of_a_text_that_does_not(pieces: list[tuple[str, int]], ends: bool) -> None:
    events = [with_tokens(*each) for each in pieces] + ([with_tokens("", 0, finish_reason="stop"), FINISH, DONE] * ends)
    guard, simple = keeping(DENIES), held(DENIES)
    passed = b"".join([guard.feed(each) for each in events if not guard.denied]) + guard.finish()
    same = b"".join([simple.feed(each) for each in events if not simple.denied]) + simple.finish()
    assert (guard.denied, guard.released) == (simple.denied, simple.released)
    for choice in (0, 1):
        assert text_of(passed, choice) == text_of(same, choice)
    if not guard.denied:
        assert passed == b"".join(events)
    for _, data in sse.events(passed):
        for each in json.loads(data)["choices"] if data != b"[DONE]" else ():
            tokens = each.get("logprobs")
            assert tokens is None or "".join([one["token"] for one in tokens["content"]]) == each["delta"]["content"]


def test_a_response_with_tokens_keeps_its_numbers() -> None:
    def said(number: int, text: str) -> bytes:
        value = {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0}
        value |= {"delta": text, "logprobs": [{"token": text}], "sequence_number": number}
        return b"event: response.output_text.delta\ndata: " + json.dumps(value).encode() + b"\n\n"

    guard, events = (
        keeping(DENIES, view=RESPONSES, kind="createModelResponse"),
        [said(1, "a b"), said(2, "a"), said(3, " ")],
    )
    assert b"".join([guard.feed(each) for each in events]) == b"".join(events)


def test_what_waits_behind_another_choice_has_a_bound() -> None:
    guard, waits, long = keeping(DENIES), with_tokens("so b"), with_tokens("x" * 100, 1)
    assert guard.feed(waits) == b""
    passed, count = b"", 0
    while not passed:
        passed, count = guard.feed(long), count + 1
    assert passed == waits + long * count
    assert count * len(long) < 300_000
    assert [check.check.id for _, check in guard.overflowed()] == ["default.contains"]
    assert guard.feed(with_tokens("bad")) == b""
    assert guard.denied


def test_where_a_rule_changes_texts_no_event_waits_for_its_tokens() -> None:
    event = with_tokens("so 1")
    assert b'"logprobs": null' in keeping(DENIES, REDACTS).feed(event).replace(b":null", b": null")


def test_an_event_that_nobody_reads_ends_the_wait() -> None:
    guard = keeping(DENIES)
    assert guard.feed(with_tokens("so b")) == b""
    passed = guard.feed(b'data: {"a"\n\n')
    assert (text_of(passed), guard.is_unreadable, b'"b"' in passed) == ("so ", True, False)


@pytest.mark.parametrize("view", [TEXTS, ANTHROPIC], ids=["a text", "a value"])
@pytest.mark.parametrize(
    ("check", "is_text"),
    [({"contains": {"words": ["12345"], "operator": "none"}}, True), ({"contains": {"words": ["bad"], "operator": "none"}}, False),
     ({"regexMatch": {"rule": r'sum.{1,5}12', "not": True}}, True)],
)  # fmt: skip
def test_a_call_is_judged_as_it_is_in_a_plain_answer(check: dict[str, Any], is_text: bool, view: TextView) -> None:
    """As the text that it is, or as the strings of a value."""

    def piece(text: str) -> bytes:
        if view is TEXTS:
            return chunk({"tool_calls": [{"index": 0, "function": {"arguments": text}}]})
        value = {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": text}}
        return b"event: content_block_delta\ndata: " + json.dumps(value).encode() + b"\n\n"

    hooks = hooks_of({"output_guardrails": [{**check, "deny": True, "kinds": ["tool_call"]}]})[1]
    guard = HeldEvents(hooks, view, "chatComplete")
    pieces = [piece(each) for each in ('{"sum": 1', "23", '45, "b\\u006', '1d": 1, "c": "', "ba", 'd"}')]
    passed = b"".join([guard.feed(each) for each in pieces if not guard.denied])
    assert guard.denied is (not is_text or view is TEXTS)
    if is_text and guard.denied:
        assert b"123" not in passed


def test_checks_of_both_kinds_judge_a_call() -> None:
    masks = {"regexReplace": {"rule": "/secret/g", "redactText": "so"}, "scope": "all"}
    text = '{"a": "a secret", "b": 12}'
    for size in (1, 4, len(text)):
        guard = held({**DENIES, "scope": "all"}, masks)
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        passed = [guard.feed(chunk({"tool_calls": [{"index": 0, "function": {"arguments": each}}]})) for each in pieces]
        values = [json.loads(data) for _, data in sse.events(b"".join([*passed, guard.feed(FINISH)]))]
        told = [call for each in values for call in each["choices"][0]["delta"].get("tool_calls", [])]
        assert "".join([each["function"]["arguments"] for each in told]) == text.replace("secret", "so")


@pytest.mark.parametrize("ends", [{"finishReason": "STOP"}, {}])
def test_the_parts_of_an_event_that_ends_a_text_are_one(ends: dict[str, Any]) -> None:
    parts = [{"text": "a thought", "thought": True}, {"text": "so 123-"}, {"text": "45-6789"}, {"text": ", and so"}]
    candidate = {"index": 0, "content": {"role": "model", "parts": parts}, **ends}
    guard = HeldEvents(hooks_of({"output_guardrails": [REDACTS]})[1], GEMINI, "generateContent")
    passed = guard.feed(b"data: " + json.dumps({"candidates": [candidate]}).encode() + b"\n\n") + guard.finish()
    assert (b"[REDACTED]" in passed, b"123" in passed, b"a thought" in passed) == (True, False, True)
