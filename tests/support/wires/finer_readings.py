"""What answers say beside their texts, read naively in each wire of chats, plain and streamed: ids of calls, log
probabilities, titles of sources, refusals, stop sequences, tokens that a cache was given. As readings.py, it is none of
the dialects' own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from readings import _events


class Beside(msgspec.Struct):
    """What an answer says beside its text. ``titles`` are (address, title) of its sources."""

    ids: list[str] = []
    logprobs: list[tuple[str, float]] = []
    titles: set[tuple[str, str]] = set()
    refusal: str = ""
    sequence: str | None = None
    written: int | None = None

    def source(self, url: str | None, title: str | None) -> None:
        if url:
            self.titles.add((url, title or url))

    def likely(self, tokens: Iterable[Any] | None, name: str = "logprob") -> None:
        self.logprobs += [(each["token"], round(each[name], 5)) for each in tokens or ()]


PLACES: Final[Mapping[str, frozenset[str]]] = {
    "openai_chat": frozenset({"ids", "logprobs", "titles", "refusal", "written"}),
    "responses": frozenset({"ids", "logprobs", "titles", "refusal", "written"}),
    "anthropic": frozenset({"ids", "titles", "sequence", "written"}),
    "gemini": frozenset({"ids", "logprobs", "titles"}),
    "bedrock_converse": frozenset({"ids", "titles", "written"}),
    "cohere": frozenset({"ids", "logprobs", "titles"}),
    "ollama": frozenset({"ids", "logprobs"}),
}
"""What each wire has a place for."""


def read_beside(wire: str, kind: str, data: bytes) -> Beside:
    """``kind`` is ``json``, ``sse``, ``ndjson`` or ``eventstream``."""
    found = Beside(ids=[], logprobs=[], titles=set())
    values = [json.loads(data)] if kind == "json" else [each for each in _events(kind, data) if isinstance(each, dict)]
    _READERS[wire](values, found)
    return found


def _listed(value: Any) -> list[Any]:
    """The elements of a list, or one value alone; streams of Cohere have one where replies have a list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _chat(values: list[Any], found: Beside) -> None:
    ids: dict[int, str] = {}
    for value in values:
        for choice in value.get("choices") or ():
            message = choice.get("message") or choice.get("delta") or {}
            found.refusal += message.get("refusal") or ""
            found.likely((choice.get("logprobs") or {}).get("content"))
            for at, call in enumerate(message.get("tool_calls") or ()):
                ids |= {call.get("index", at): call["id"]} if call.get("id") else {}
            for each in message.get("annotations") or ():
                cited = each.get("url_citation") or {}
                found.source(cited.get("url"), cited.get("title"))
        for each in value.get("search_results") or ():
            found.source(each["url"], each.get("title"))
        usage = value.get("usage") or {}
        details = usage.get("prompt_tokens_details") or {}
        found.written = usage.get("cache_creation_input_tokens", details.get("cache_write_tokens")) or found.written
    found.ids = list(ids.values())


def _responses(values: list[Any], found: Beside) -> None:
    ends = ("response.completed", "response.incomplete")
    wholes = [
        value if "output" in value else value["response"] for value in values if value.get("type", ends[0]) in ends
    ]
    for item in [each for whole in wholes for each in whole["output"]]:
        found.ids += [item["call_id"]] if item["type"] in {"function_call", "custom_tool_call"} else []
        for part in item["content"] if item["type"] == "message" else ():
            found.refusal += part.get("refusal") or ""
            found.likely(part.get("logprobs"))
            for each in part.get("annotations") or ():
                found.source(each.get("url"), each.get("title"))
    for whole in wholes:
        details = (whole.get("usage") or {}).get("input_tokens_details") or {}
        found.written = details.get("cache_write_tokens")


def _anthropic(values: list[Any], found: Beside) -> None:
    for value in values:
        message, delta = value.get("message") or value, value.get("delta") or {}
        blocks = [*(message.get("content") or ()), *_listed(value.get("content_block"))]
        cited = [each for block in blocks for each in block.get("citations") or ()] + _listed(delta.get("citation"))
        found.ids += [block["id"] for block in blocks if block["type"] == "tool_use"]
        for each in cited:
            found.source(each.get("url") or each.get("source"), each.get("title"))
        found.sequence = message.get("stop_sequence") or delta.get("stop_sequence") or found.sequence
        written = (message.get("usage") or {}).get("cache_creation_input_tokens")
        found.written = found.written if written is None else written


def _gemini(values: list[Any], found: Beside) -> None:
    for candidate in [each for value in values for each in value.get("candidates") or ()]:
        calls = [part["functionCall"] for part in _parts(candidate) if "functionCall" in part]
        found.ids += [call["id"] for call in calls if call.get("id")]
        found.likely((candidate.get("logprobsResult") or {}).get("chosenCandidates"), "logProbability")
        for chunk in (candidate.get("groundingMetadata") or {}).get("groundingChunks") or ():
            web = chunk.get("web") or {}
            found.source(web.get("uri"), web.get("title"))


def _parts(candidate: Any) -> list[Any]:
    return (candidate.get("content") or {}).get("parts") or []


def _converse(values: list[Any], found: Beside) -> None:
    for value in values:
        blocks = ((value.get("output") or {}).get("message") or {}).get("content") or []
        start = ((value.get("contentBlockStart") or {}).get("start") or {}).get("toolUse")
        delta = (value.get("contentBlockDelta") or {}).get("delta") or {}
        uses = [block["toolUse"] for block in blocks if "toolUse" in block] + _listed(start)
        found.ids += [use["toolUseId"] for use in uses if use.get("type", "tool_use") == "tool_use"]
        held = [block["citationsContent"]["citations"] for block in blocks if "citationsContent" in block]
        for each in [*(each for some in held for each in some), *_listed(delta.get("citation"))]:
            web = (each.get("location") or {}).get("web") or {}
            found.source(web.get("url"), each.get("title"))
        usage = value.get("usage") or (value.get("metadata") or {}).get("usage") or {}
        found.written = usage.get("cacheWriteInputTokens", found.written)


def _cohere(values: list[Any], found: Beside) -> None:
    for value in values:
        message = value.get("message") or (value.get("delta") or {}).get("message") or {}
        found.ids += [call["id"] for call in _listed(message.get("tool_calls")) if call.get("id")]
        for source in [each for one in _listed(message.get("citations")) for each in one.get("sources") or ()]:
            document = source.get("document") or {}
            found.source(document.get("url"), document.get("title"))
        found.logprobs += [(each["text"], round(each["logprobs"][0], 5)) for each in _listed(value.get("logprobs"))]


def _ollama(values: list[Any], found: Beside) -> None:
    for value in values:
        calls = (value.get("message") or {}).get("tool_calls") or ()
        found.ids += [call["id"] for call in calls if call.get("id")]
        found.likely(value.get("logprobs"))


_READERS: Final[Mapping[str, Callable[[list[Any], Beside], None]]] = {
    "openai_chat": _chat, "responses": _responses, "anthropic": _anthropic, "gemini": _gemini,
    "bedrock_converse": _converse, "cohere": _cohere, "ollama": _ollama,
}  # fmt: skip
