"""Adding up the chunks of a stream, as a client does that keeps everything it is told."""

from __future__ import annotations

import json
from typing import Any


def accumulated(stream: bytes) -> dict[str, Any]:
    """The completion that a stream's chunks add up to; content blocks are left out."""
    whole: dict[str, Any] = {"choices": {}}
    assert stream.endswith(b"data: [DONE]\n\n")
    for line in stream.splitlines():
        if line.startswith(b"data: {"):
            chunk = json.loads(line[6:])
            for choice in chunk.pop("choices"):
                known = whole["choices"].setdefault(choice["index"], {"index": choice["index"], "message": {}})
                _add(known["message"], choice.pop("delta"))
                choice.pop("logprobs")
                known.update({name: value for name, value in choice.items() if value is not None})
            whole.update({name: value for name, value in chunk.items() if name != "usage" or value is not None})
    whole["object"] = "chat.completion"
    whole["choices"] = [whole["choices"][index] for index in sorted(whole["choices"])]
    for choice in whole["choices"]:
        choice["message"].pop("content_blocks", None)
    return whole


def _add(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        if name == "tool_calls":
            for call in value:
                calls = message.setdefault("tool_calls", [])
                if call["index"] == len(calls):
                    calls.append({key: part for key, part in call.items() if key != "index"})
                else:
                    calls[call["index"]]["function"]["arguments"] += call["function"]["arguments"]
        elif name == "audio":
            audio = message.setdefault("audio", {**value, "data": ""})
            audio["data"] += value["data"]
        elif name == "annotations":
            sources = message.setdefault("annotations", [])
            for source in value:
                assert source.pop("index") == len(sources)
                sources.append(source)
        elif isinstance(value, list):
            message.setdefault(name, []).extend(value)
        elif name == "role" or name not in message:
            message[name] = value
        else:
            message[name] += value
