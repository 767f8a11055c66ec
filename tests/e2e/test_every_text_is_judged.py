"""A word stands in turn at every string of a request that a vendor's own client can write, and of an answer and an event
of a stream that it can read: a guard denies it, or the member is one that no model reads (dialects/remaining_texts.py).
Vendors' types are walked (vendor_schemas.py)."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

import vendor_schemas
from calling import PLAIN
from doors import HOSTS, Door
from judging import hooks_of
from penstock.dialects.registry import CALLERS
from penstock.dialects.remaining_texts import UNREAD, is_setting
from penstock.guards.held_events import HeldEvents
from running import RunningGateway
from upstream import Upstream

BAD: Final = "canary-4711"
GUARDS: Final = [{"default.contains": {"words": [BAD], "operator": "none"}, "deny": True, "scope": "all"}]
NAMES_UNREAD: Final = {
    "openai_chat": ".tool_choice<allowed_tools>",
    "responses": ".tool_choice<allowed_tools> .prompt.variables filters[] .error<mcp_tool_execution_error>.content",
    "bedrock_converse": ".promptVariables",
    "cohere": ".sources[]<document>.document .tool_choice",
    "ollama": ".messages[].{} .messages[].*",
}
"""Objects whose members' names are not read: their types say only that they are objects, but hosts know their members;
those of a prompt's variables are in no prompt."""


def is_left_out(wire: str, place: vendor_schemas.Place) -> bool:
    if place.is_name and any(part in place.path for part in NAMES_UNREAD.get(wire, "").split()):
        return True
    return any(not place.names.isdisjoint(names) for names in UNREAD.values())


@pytest.mark.parametrize("wire", HOSTS)
@pytest.mark.parametrize("gateway", ["http1"], indirect=True)
def test_no_string_of_a_request_hides_a_word(gateway: RunningGateway, upstream: Upstream, wire: str) -> None:
    config = {"x_portkey_config": json.dumps({"input_guardrails": GUARDS})}
    door = Door(gateway, upstream, wire, wire, **config)
    denied, passed = set[str](), set[str]()
    try:
        for _, _, value in vendor_schemas.changes(vendor_schemas.requests()[wire]):
            for place in vendor_schemas.places(value):
                path = place.path
                if path in denied or is_left_out(wire, place):
                    continue
                outcome = door.asked(vendor_schemas.planted(value, place, BAD))
                is_denied = outcome.sent is None and b'"hook_results"' in outcome.answer
                (denied if is_denied else passed).add(path)
    finally:
        door.close()
    assert sorted(passed - denied) == []
    assert denied


SAID: Final = {
    "openai_chat": "choices",
    "responses": "output",
    "anthropic": "content",
    "gemini": "candidates",
    "bedrock_converse": "output",
    "cohere": "message",
    "ollama": "message",
}
"""The member of an answer with what the model says. Beside it stand counts, settings and ids."""


def with_rest(answer: Any, said: Any) -> Any:
    """What an answer says in the place of what it said, with all else that makes it one."""
    if isinstance(answer, list) and isinstance(said, list) and isinstance(answer[0], dict) and "type" not in answer[0]:
        return [with_rest(answer[0], each) if at == 0 else each for at, each in enumerate(said)]
    if isinstance(answer, dict) and isinstance(said, dict):
        return {
            **answer,
            **{name: with_rest(answer[name], each) if name in answer else each for name, each in said.items()},
        }
    return said


@pytest.mark.parametrize("wire", HOSTS)
@pytest.mark.parametrize("gateway", ["http1"], indirect=True)
def test_no_string_of_an_answer_hides_a_word(gateway: RunningGateway, upstream: Upstream, wire: str) -> None:
    config = {"x_portkey_config": json.dumps({"output_guardrails": GUARDS})}
    door = Door(gateway, upstream, wire, wire, **config)
    denied, passed = set[str](), set[str]()
    try:
        for _, _, value in vendor_schemas.changes(vendor_schemas.replies()[wire]):
            for place in vendor_schemas.places(value):
                path = place.path
                if place.pointer[0] != SAID[wire] or path in denied or is_left_out(wire, place):
                    continue
                told = with_rest(json.loads(PLAIN[wire]), vendor_schemas.planted(value, place, BAD))
                outcome = door.told(json.dumps(told, default=str).encode())
                is_denied = outcome.status != 200 and b'"hook_results"' in outcome.answer
                (denied if is_denied else passed).add(path)
    finally:
        door.close()
    assert sorted(passed - denied) == []
    assert denied


NAMES_OF_EVENTS: Final = {
    "bedrock_converse": (".additionalModelResponseFields",),
    "cohere": (".document",),
    "gemini": (".parsed",),
    "responses": (".variables", "filters[]", ".content.{}", ".content.*.{}"),
}
"""Objects in events whose members' names are not read."""


@pytest.mark.parametrize("wire", HOSTS)
def test_no_string_of_an_event_hides_a_word(wire: str) -> None:
    view = CALLERS[wire].texts
    assert view is not None
    kind = next(iter(view.answered - {"complete"}))
    _, hooks = hooks_of({"output_guardrails": [{**GUARDS[0], "stream": "hold"}]})
    denied, passed = set[str](), set[str]()
    for value in vendor_schemas.events()[wire]:
        for place in vendor_schemas.places(value):
            path = place.path
            is_name = place.is_name and any(part in path for part in NAMES_OF_EVENTS.get(wire, ()))
            if path in denied or is_name or is_left_out(wire, place) or is_setting(str(place.pointer[0])):
                continue
            planted = vendor_schemas.planted(value, place, BAD)
            name, data = (
                next(iter(planted.items())) if wire == "bedrock_converse" else (planted.get("type", ""), planted)
            )
            guard = HeldEvents(hooks, view, kind)
            guard.feed(f"event: {name}\ndata: {json.dumps(data, default=str)}\n\n".encode())
            guard.finish()
            (denied if guard.denied else passed).add(path)
    assert sorted(passed - denied) == []
    assert denied
