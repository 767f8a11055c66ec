"""The strings of a body that a wire's own view of texts passes over, which a model reads, too: what tools are, how an
answer must look, names of members and files, titles of sources, whatever a wire brings tomorrow.

Everything is read but what ``UNREAD`` names, with the reason. No wire is known here: members are told by their names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from msgspec.structs import replace

from penstock.core.segments import Delta, Pointer, Segment, SegmentKind

UNREAD: Final[Mapping[str, frozenset[str]]] = {
    "settings of the request, and what hosts keep about it": frozenset(
        """
        additionalModelResponseFieldPaths background_options citation_options container context_management conversation
        diagnostics guardrailConfig guardrailIdentifier inference_geo keep_alive labels logit_bias metadata modelId
        model moderation options outputConfig.effort previous_response_id projectIdentifier prompt_cache_key
        prompt_cache_options prompt_cache_breakpoint requestMetadata safetySettings safety_identifier safety_mode
        serviceTier service_tier speechConfig stop stopSequences stop_sequence stop_sequences stream_options user voice
        cachedContent inputAssessment
        cache_control cachePoint partMetadata performanceConfig routingConfig modelSelectionConfig mediaResolution
        responseMimeType response_mime_type responseModalities response_modalities modalities reasoning_effort size svg
        svg_usage image_size include truncation toolUsage inferenceConfig seed temperature top_p top_k max_tokens
        max_completion_tokens max_output_tokens n stream store frequency_penalty presence_penalty parallel_tool_calls
        logprobs top_logprobs
        """.split()
    ),
    "words of which a wire has a few": frozenset(
        """
        finish_reason finishReason native_finish_reason stop_reason stopReason done_reason object index logprobsResult
        safetyRatings content_filter_results content_filter_result prompt_filter_results type role channel status
        detail phase mode effort verbosity mimeType mime_type media_type languageCode
        """.split()
    ),
    "ids, which hosts compare": frozenset(
        """
        id call_id tool_call_id tool_use_id toolUseId item_id caller caller_id approval_request_id file_id file_ids
        fileId container_id response_id vector_store_ids skill_id skills_id download_id tab_id fileSearchStoreNames
        ragCorpora ragFileIds created_by ragCorpus datastore dataStore engine interactionId ref $ref version
        invokedModelId
        """.split()
    ),
    "addresses, from which hosts fetch a file or ask a server": frozenset(
        """
        url uri image_url file_url fileUri file_uri server_url endpoint s3Location domain allowed_domains
        blocked_domains excludeDomains exclude_domains gcsUri
        """.split()
    ),
    "credentials and settings of servers, which no model gets": frozenset(
        """
        authorization authorization_token headers authConfig apiAuth apiKey api_key domain_secrets tunnel_id
        customConfigs streamableHttpTransport network_policy env
        """.split()
    ),
    "pictures, sound, files (those of texts are read elsewhere)": frozenset(
        "data bytes file_data b64_json images inlineData input_audio result blob".split()
    ),
    "what hosts sign or encrypt for themselves": frozenset(
        """
        signature thoughtSignature thought_signature encrypted_content encrypted_index encrypted_stdout fingerprint
        redactedContent
        """.split()
    ),
    "a text that stands beside it": frozenset("logprobs top_logprobs token".split()),
    "times and places in a file": frozenset(
        """
        startOffset endOffset start_offset end_offset videoMetadata audioMetadata visibleCells timezone expires_at
        retrieved_at page_age
        """.split()
    ),
}
"""Why a member is not read -> names of such members, with all that is in them. Among arguments, schemas and results of
tools, whose members are named by whoever wrote them, each is read."""

TEXTLESS: Final = frozenset[str]().union(*UNREAD.values())
"""The names of members of a request that have no texts."""
_FREE: Final = frozenset(
    """
    args arguments attributes parameters parametersJsonSchema parameters_json_schema properties response
    responseJsonSchema response_json_schema responseSchema response_schema schema input_schema inputSchema
    output_schema input_examples json json_schema jsonSchema documents tool_output
    additionalModelRequestFields action format chat_template_kwargs guided_json structured_outputs annotations
    """.split()
)
"""Members below which names are those of whoever wrote them: they are texts like any other."""
_SOURCES: Final = "annotations"
"""Such a member of a tool; of a text it is the list of its sources."""
_INPUT: Final = frozenset({"input", "data"})
"""Such members where they hold an object."""
_KEYWORDS: Final = frozenset(
    """
    any audio auto json none $anchor $comment $defs $id $ref $schema additionalItems additionalProperties allOf anyOf
    array boolean const contains default defs definitions dependentRequired dependentSchemas description else enum
    example examples
    exclusiveMaximum exclusiveMinimum false format if integer items json_schema maxItems maxLength maxProperties maximum
    minItems minLength minProperties minimum multipleOf name not null nullable number object oneOf pattern
    patternProperties prefixItems properties propertyNames propertyOrdering readOnly required schema source strict
    string text then title true type unevaluatedItems unevaluatedProperties uniqueItems writeOnly ARRAY BOOLEAN INTEGER
    NULL NUMBER OBJECT STRING
    """.split()
)
"""The words of JSON Schema, and of what holds one: they say nothing."""
_PROSE: Final = (
    "description title text content $comment context message error instructions cited_text document_title".split()
)
"""Members of definitions that can be written anew. Another string has to stay, for the answer repeats it."""
_EXAMPLES: Final = frozenset("default example examples input_examples".split())
"""Members of definitions whose strings can all be written anew."""
_CHANGED: Final = frozenset(_PROSE) | _EXAMPLES
_FIXED: Final = frozenset(
    """
    name tool_name toolName namespace server_label server_name serverName code keys key jsonPath required enum
    """.split()
)
"""Members of messages that name something."""
_AUTHOR: Final = ("messages", "name")
"""Where the name of a message's author stands, which is no function's: around the message's index."""
_ASKING: Final = frozenset("chat_history contents input inputs message messages prompt query".split())
"""The members with what is asked, of all wires."""
_DATA_URL: Final = re.compile(r"data:[a-z]{0,20}/[\w.+-]{0,100}(?:;[a-z]{1,20}=[\w.-]{1,40}){0,4};base64,", re.ASCII)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_=-]*")
_SLICE: Final = 64 << 10
_ADDRESS: Final = re.compile(r"https?://[!-~]{1,2048}")
_CHOICES: Final = frozenset({"choices", "candidates"})
_OTHER: Final = SegmentKind.OTHER
_OF_ITSELF: Final = frozenset(
    """
    created created_at createTime generation_id modelVersion obfuscation p provider requestId request_id responseId
    response_id system_fingerprint trafficType usage usageMetadata metrics
    """.split()
)
"""What an answer or an event of a stream says of itself, at its top: when it was made, by whom, what it cost, and what
hides its length."""
_BESIDE: Final = -2
"""The slot of an event's texts that belong to none of its wire's."""

Reading = Callable[[str, Any], Iterable[Segment]]


def every_text(read: Reading, *messages: str) -> Reading:
    """The reading of a request's texts with all that it passes over. ``messages``: the member with its messages."""
    return partial(_every_text, read, messages)


def every_text_of_answer(read: Reading, only: str = "") -> Reading:
    """The reading of an answer's texts with all that it passes over. ``only``: the member with what the model says, in
    a wire whose answers repeat the request beside it."""
    return partial(_every_text_of_answer, read, only)


def rest_of_event(
    event: Any, answering: Mapping[str, Container[str]], seen: Container[Pointer]
) -> tuple[str, tuple[Delta, ...]]:
    """What an event of a stream tells that no wire's own view reads: the names of tools and of what they are called
    with, a line for each, which are judged and can't be changed, and other texts, such as sources, each as a whole.
    ``answering``: a member -> what in it is no repetition of the request. ``seen``: where texts stand that are read."""
    names: dict[str, None] = {}
    others: list[Delta] = []
    for top, value in event.items() if isinstance(event, dict) else ():
        if is_setting(top):
            continue
        if top in answering and isinstance(value, dict):
            value = {name: each for name, each in value.items() if name in answering[top]}
        for pointer, name, text in _strings(value, (top,), names, is_free=False):
            if pointer in seen:
                continue
            if name in _FIXED:
                if text not in _KEYWORDS:
                    names[text] = None
            elif not (_is_data_url(name, text) or _is_source(name, text)):
                choice = _choice_of(event, pointer)
                others.append(Delta((_OTHER, _BESIDE, 0), pointer, text, choice, is_plain=False, is_whole=True))
    return "\n".join(names), tuple(others)


def is_setting(name: str) -> bool:
    """Whether a member at the top of an answer or an event holds no text that is judged."""
    return name in TEXTLESS or name in _OF_ITSELF


def _choice_of(body: dict[str, Any], pointer: Pointer) -> int:
    """The index of the choice in which a pointer ends; 0 beside all choices."""
    if len(pointer) == 1 or pointer[0] not in _CHOICES or not isinstance(pointer[1], int):
        return 0
    choice = body[pointer[0]][pointer[1]]
    index = choice.get("index") if isinstance(choice, dict) else None
    return index if isinstance(index, int) else pointer[1]


def members_with_texts(names: Iterable[str]) -> list[str]:
    """Which members of a request may hold texts, of some by their names."""
    return [name for name in names if name not in TEXTLESS]


def _every_text(read: Reading, messages: tuple[str, ...], kind: str, body: Any) -> Iterable[Segment]:
    segments = [*read(kind, body)]
    if isinstance(body, dict):
        seen = {segment.pointer for segment in segments}
        for name, value in body.items():
            if name in TEXTLESS or not isinstance(value, dict | list | str):
                continue
            if name in messages and isinstance(value, list):
                for index, each in enumerate(value):
                    segments += _of_message(each, (name, index), seen, index)
            elif name in _ASKING:
                segments += _asked_beside(value, name, seen, _last_message(segments, messages, body))
            else:
                segments += _remaining(value, (name,), seen, "system", -1)
    return segments


def _asked_beside(value: Any, name: str, seen: Container[Pointer], last: int) -> Iterator[Segment]:
    """What is asked in the words of another wire, for a host that reads it in place of the caller's own: it counts as
    part of the last message."""
    for each in _remaining(value, (name,), seen, "user", last):
        yield each if each.is_fixed else replace(each, kind=SegmentKind.INPUT, is_plain=True)


def _last_message(segments: list[Segment], messages: tuple[str, ...], body: dict[str, Any]) -> int:
    lists = [value for name in messages if isinstance(value := body.get(name), list)]
    return max([0, *(len(each) - 1 for each in lists), *(each.message for each in segments)])


def _every_text_of_answer(read: Reading, only: str, kind: str, body: Any) -> Iterable[Segment]:
    segments = [*read(kind, body)]
    seen = {segment.pointer for segment in segments}
    for name, value in body.items() if isinstance(body, dict) else ():
        if is_setting(name) or (only and name != only):
            continue
        places: list[tuple[Pointer, Any]] = [((name,), value)]
        if isinstance(value, list):
            places = [((name, number), each) for number, each in enumerate(value)]
        for place, each in places:
            others = _remaining(each, place, seen, "assistant", 0)
            segments += [replace(other, choice=_choice_of(body, (*place, ""))) for other in others]
    return segments


def _of_message(message: Any, at: Pointer, seen: Container[Pointer], index: int) -> Iterator[Segment]:
    role = message.get("role") if isinstance(message, dict) else None
    role = role if isinstance(role, str) else ""
    yield from _remaining(message, at, seen, role, index)


def _remaining(value: Any, at: Pointer, seen: Container[Pointer], role: str, index: int) -> Iterator[Segment]:
    """The texts below a value that are not seen yet. What can't be written anew is one text, a line for each."""
    fixed: dict[str, None] = {}
    is_definition = index < 0
    for pointer, name, text in _strings(value, at, fixed):
        if pointer in seen:
            continue
        if (name not in _CHANGED) if is_definition else (name in _FIXED and not _is_author(pointer)):
            if text not in _KEYWORDS:
                fixed[text] = None
        elif not (_is_data_url(name, text) or _is_source(name, text)):
            yield Segment(pointer, text, role, _OTHER, index, is_plain=False)
    if fixed:
        yield Segment(at, "\n".join(fixed), role, _OTHER, index, is_plain=False, is_fixed=True)


def _is_author(pointer: Pointer) -> bool:
    return len(pointer) == len(_AUTHOR) + 1 and pointer[::2] == _AUTHOR


def _is_data_url(name: str, text: str) -> bool:
    """Whether a string is data in base64 and nothing else, in a member that is no prose: to begin like a URL makes no
    text unread."""
    begun = _DATA_URL.match(text)
    if begun is None or name in _CHANGED or name in _ASKING:
        return False
    # In slices, between which others have their turn: it may be megabytes.
    return all(_BASE64.fullmatch(text, start, start + _SLICE) for start in range(begun.end(), len(text), _SLICE))


def _is_source(name: str, text: str) -> bool:
    """Whether a string is the address of a source, in a list that some hosts (Perplexity, xAI) put beside an answer."""
    return name == "citations" and _ADDRESS.fullmatch(text) is not None


def _strings(
    value: Any, at: Pointer, keys: dict[str, None], *, is_free: bool | None = None
) -> Iterator[tuple[Pointer, str, str]]:
    """The strings below a value that a model reads, each with its place and the name of its member. Names of members
    that are whoever wrote them are put among ``keys``. ``is_free``: whether those of the value are; its own name says
    it else."""
    left: list[tuple[Pointer, str, Any, bool]] = [
        (at, str(at[0]), value, at[0] in _FREE if is_free is None else is_free)
    ]
    while left:
        pointer, name, each, is_free = left.pop()
        if isinstance(each, list):
            left += [((*pointer, number), name, inner, is_free) for number, inner in enumerate(each)]
        elif isinstance(each, dict):
            if is_free:
                keys.update(dict.fromkeys(key for key in each if key not in _KEYWORDS))
            known = each.items() if is_free else [member for member in each.items() if member[0] not in TEXTLESS]
            for key, inner in known:
                free = is_free or (key in _FREE and not (key == _SOURCES and isinstance(inner, list)))
                free = free or (key in _INPUT and isinstance(inner, dict))
                left.append(((*pointer, key), name if name in _EXAMPLES else key, inner, free))
        elif isinstance(each, str) and each:
            yield pointer, name, each
