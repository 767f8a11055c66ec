"""Each member of a reply that a vendor's own client knows, told to callers of each other wire: it is in the answer, or
the answer names it as lost, or it is one of what hosts tell beside their answers. Their types are walked
(vendor_schemas.py), so that a new release of a client brings what its host can say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

import pytest

import vendor_schemas
from calling import PLAIN
from doors import HOSTS
from pairs import CAPTION
from penstock.core.events import Citation, Event, Fail, Foreign, Logprobs, Media, Text, collect
from penstock.core.failure import Failure
from penstock.dialects.dialect import WriteContext
from penstock.dialects.registry import CALLERS, DIALECTS
from penstock.dialects.untold import with_untold
from penstock.traits import resolve

UNREAD: Final = {
    # Log probabilities of a refusal, whose text is told; an empty object.
    "openai_chat": ".choices[].logprobs .choices[].logprobs.refusal*",
    # What a response repeats of its request, or tells of its host's cache and tools; ids that only this host knows; how
    # a picture was made, which is told itself; empty objects.
    "responses": """
        .access_programs .background .completed_at .conversation .image .incomplete_details .input_transformations
        .instructions* .max_output_tokens .max_tool_calls .metadata .moderation .previous_response_id .prompt*
        .reasoning* .safety_identifier .service_tier .temperature .text* .tool_choice* .tool_usage* .tools*
        .top_logprobs .top_p .truncation .user
        .output[]<function_call>.* .output[]<custom_tool_call>.* .output[]<image_generation_call>*
        .output[]<message>.phase .output[]<reasoning>.content .output[]<reasoning>.status
        """,
    # Who called a caller's own tool.
    "anthropic": "<message>.content[]<tool_use>.*",
    # Empty objects, and what the SDK itself puts in.
    "gemini": ".modelStatus .promptFeedback .sdkHttpResponse .usageMetadata",
    # Whose bucket a file is in, and why there is no file: the caller gets neither.
    "bedrock_converse": ".output.message.content[].*.error* .output.message.content[].*.bucketOwner",
    # Empty objects, and a text that its tokens say.
    "cohere": ".logprobs .logprobs[].text .message.tool_calls[]<function>.function .usage .usage.billed_units .usage.tokens",
    # Members of requests, which the SDK has in one type with those of replies; a reply that comes whole is done.
    "ollama": ".done .message.images .message.tool_name",
}
"""Paths of members that leave a reply's events as they are. ``*`` stands for anything."""
BESIDE: Final = (Foreign, Citation, Media, Logprobs)
"""What an answer can hold that some wires have no place for."""


_NUMBERED: Final = b'"index": %d' % vendor_schemas.NUMBER
"""Of several answers the wires tell the first, unless they are asked for more."""


def merged(base: Any, over: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    return {**base, **{name: merged(base[name], value) if name in base else value for name, value in over.items()}}


def replies(wire: str) -> Iterable[tuple[str, list[Event], list[Event]]]:
    """A path, the events of a reply without the member there, and of the same reply with it."""
    slug, model, _ = HOSTS[wire]
    context = WriteContext(model, slug, resolve(model, slug), {}, "")
    base, read = json.loads(PLAIN[wire]), DIALECTS[wire].read_reply
    for path, without, value in vendor_schemas.changes(vendor_schemas.replies()[wire]):
        whole = [json.dumps(merged(base, each), default=str).encode() for each in (without, value)]
        before, after = (read(each.replace(_NUMBERED, b'"index": 0'), context) for each in whole)
        if not any(isinstance(event, Fail) for event in (*before, *after)):
            yield path, before, after


def told(caller: str, events: list[Event]) -> Any:
    """What a caller gets of some events, beside a text: what belongs to one has no place without it."""
    events = events if any(isinstance(event, Text) for event in events) else [Text("Hello"), *events]
    written = CALLERS[caller].writing.reply(collect(events), CAPTION)
    return written.message if isinstance(written, Failure) else json.loads(written)


def untold(caller: str, events: Iterable[Event]) -> tuple[str, ...]:
    return with_untold((), events, CALLERS[caller].writing.places)


@pytest.mark.parametrize("wire", HOSTS)
def test_what_has_no_place_is_named_and_nothing_else(wire: str) -> None:
    """Of each kind of event the first few: without it the answer is the same where it is named, and another where it
    isn't."""
    seen: dict[Any, int] = {}
    for path, before, after in replies(wire):
        for event in after:
            if not isinstance(event, BESIDE) or event in before:
                continue
            kind = (type(event), *untold("ollama", [event]), isinstance(event, Citation) and bool(event.url))
            seen[kind] = seen.get(kind, 0) + 1
            if seen[kind] > 3:
                continue
            others = [each for each in after if each is not event]
            for caller in HOSTS:
                is_told = told(caller, after) != told(caller, others)
                assert bool(untold(caller, [event])) is not is_told, (path, caller, event)
    assert seen


def is_unread(wire: str, path: str) -> bool:
    patterns = [re.escape(pattern).replace(r"\*", ".*") for pattern in UNREAD[wire].split()]
    return any(re.fullmatch(pattern, path) for pattern in patterns)


@pytest.mark.parametrize("wire", HOSTS)
def test_every_member_is_read(wire: str) -> None:
    read: set[str] = set()
    unread: set[str] = set()
    for path, before, after in replies(wire):
        (unread if after == before else read).add(path)
    assert not {path for path in unread - read if not is_unread(wire, path)}
    assert read
