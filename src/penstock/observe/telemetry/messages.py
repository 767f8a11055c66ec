"""Bodies of requests and answers as the messages that OpenTelemetry's conventions have for content. Pure.

A wire that isn't known, and a body that was cut off, become one message with the text as it is. Of pictures, sound and
files only the kind is told. Source:
https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-spans.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from penstock.core.json_text import mapping, mappings, read_json_or_none, text

Message = dict[str, Any]
Part = dict[str, Any]
_TEXTS: Final = frozenset({"text", "input_text", "output_text", "thinking"})
_ROLES: Final = {"model": "assistant", "developer": "system"}


def system_instructions(body: str) -> list[Part]:
    """The parts of the instructions that stand beside the messages of a request."""
    value = _object(body)
    for name in ("system", "instructions", "systemInstruction", "system_instruction"):
        found = value.get(name)
        if found is not None:
            return list(_parts(found.get("parts") if isinstance(found, dict) else found))
    return []


def input_messages(body: str) -> list[Message]:
    """The messages of a request."""
    value = _object(body)
    for name in ("messages", "contents", "input", "prompt"):
        found = value.get(name)
        if isinstance(found, str):
            return [_message("user", _parts(found))]
        if isinstance(found, list) and all(isinstance(each, dict) for each in found) and found:
            return [_message(str(each.get("role") or "user"), _parts_of(each)) for each in found]
    return [_message("user", _parts(body))] if body else []


def output_messages(body: str) -> list[Message]:
    """The messages of an answer, whole or as a stream of events."""
    if body.startswith(("data:", "event:", ":")):
        return _of_stream(_events(body))
    value = _object(body)
    for name in ("choices", "candidates"):
        if isinstance(value.get(name), list):
            return [_choice(each) for each in value[name] if isinstance(each, dict)]
    if isinstance(value.get("output"), list):
        parts = [part for each in value["output"] if isinstance(each, dict) for part in _parts_of(each)]
        return [_message("assistant", parts, str(value.get("status") or "stop"))]
    if "content" in value or "message" in value:
        inner = value["message"] if isinstance(value.get("message"), dict) else value
        return [_message("assistant", _parts_of(inner), str(value.get("stop_reason") or "stop"))]
    return [_message("assistant", _parts(body), "stop")] if body else []


def _choice(choice: Mapping[str, Any]) -> Message:
    inner = next((choice[name] for name in ("message", "content") if isinstance(choice.get(name), dict)), choice)
    ended = choice.get("finish_reason") or choice.get("finishReason") or "stop"
    return _message(str(inner.get("role") or "assistant"), _parts_of(inner), str(ended))


def _message(role: str, parts: Iterable[Part], finish_reason: str | None = None) -> Message:
    message = {"role": _ROLES.get(role, role), "parts": list(parts)}
    return message if finish_reason is None else {**message, "finish_reason": finish_reason}


def _parts_of(message: Mapping[str, Any]) -> Iterator[Part]:
    """The parts of a message of any wire."""
    if message.get("role") == "tool":
        yield {"type": "tool_call_response", "id": message.get("tool_call_id"), "response": message.get("content")}
        return
    content = next((message[name] for name in ("content", "parts", "text") if message.get(name)), None)
    if content is not None:
        yield from _parts(content)
    elif "type" in message and "role" not in message:
        yield _part(message)
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            yield _call(call.get("id"), function.get("name"), function.get("arguments"))


def _parts(content: Any) -> Iterator[Part]:
    if isinstance(content, str):
        yield {"type": "text", "content": content}
    elif isinstance(content, list):
        for each in content:
            if isinstance(each, str):
                yield {"type": "text", "content": each}
            elif isinstance(each, dict):
                yield _part(each)


def _part(part: Mapping[str, Any]) -> Part:
    kind = str(part.get("type") or "")
    if isinstance(part.get("text"), str) and kind in {*_TEXTS, ""}:
        return {"type": "text", "content": part["text"]}
    if kind in {"tool_use", "function_call"}:
        return _call(part.get("call_id") or part.get("id"), part.get("name"), part.get("input", part.get("arguments")))
    if kind in {"tool_result", "function_call_output"}:
        answer = part.get("content", part.get("output"))
        return {"type": "tool_call_response", "id": part.get("tool_use_id") or part.get("call_id"), "response": answer}
    if kind == "thinking":
        return {"type": "reasoning", "content": part.get("thinking")}
    return {"type": kind or next(iter(part), "unknown")}


def _call(id_: Any, name: Any, arguments: Any) -> Part:
    read = read_json_or_none(arguments.encode("utf-8", "replace")) if isinstance(arguments, str) else arguments
    return {"type": "tool_call", "id": id_, "name": name, "arguments": arguments if read is None else read}


def _events(body: str) -> Iterator[Mapping[str, Any]]:
    for line in body.splitlines():
        if line.startswith("data:"):
            value = read_json_or_none(line[5:].strip().encode())
            if isinstance(value, dict):
                yield value


def _of_stream(events: Iterable[Mapping[str, Any]]) -> list[Message]:
    """One message of all that a stream's first answer said."""
    texts: list[str] = []
    calls: dict[int, list[str]] = {}
    ended = "stop"
    for event in events:
        choices = event.get("choices") or event.get("candidates")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        delta = choice.get("delta") or choice.get("content") or event.get("delta")
        ended = str(choice.get("finish_reason") or choice.get("finishReason") or ended)
        if isinstance(delta, str):
            texts += [delta] if str(event.get("type", "")).endswith("output_text.delta") else []
        elif isinstance(delta, dict):
            ended = str(delta.get("stop_reason") or ended)
            message_parts = _parts_of({**delta, "role": "assistant"})
            texts += [text(part, "content") for part in message_parts if part["type"] == "text"]
            for call in mappings(delta.get("tool_calls")):
                function, index = mapping(call, "function"), call.get("index")
                known = calls.setdefault(index if isinstance(index, int) else 0, ["", "", ""])
                for at, more in enumerate((text(call, "id"), text(function, "name"), text(function, "arguments"))):
                    known[at] += more
    parts = [{"type": "text", "content": "".join(texts)}] if texts else []
    return [_message("assistant", [*parts, *(_call(*each) for each in calls.values())], ended)]


def _object(body: str) -> dict[str, Any]:
    value = read_json_or_none(body.encode("utf-8", "replace"))
    return value if isinstance(value, dict) else {}
