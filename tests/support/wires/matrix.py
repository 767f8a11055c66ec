"""OpenAI chat requests of every kind: what each dialect's request test goes over, row by row."""

from __future__ import annotations

from typing import Any, Final

PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF: Final = "JVBERi0xLjQKJSVFT0YK"
WAV: Final = "UklGRiQAAABXQVZFZm10IBAAAAABAAEA"

WEATHER: Final[dict[str, Any]] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CLOCK: Final[dict[str, Any]] = {"type": "function", "function": {"name": "get_time"}}
SHELL: Final[dict[str, Any]] = {
    "name": "shell",
    "description": "Runs a command\n\nGive the raw text as the value of input.",
    "parameters": {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]},
}
"""The function that stands for the tool for free text of ``MATRIX["custom_tool"]``."""
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"answer": {"type": "string"}, "score": {"type": ["number", "null"]}},
    "required": ["answer", "score"],
    "additionalProperties": False,
}
HUGE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        f"field_{n}": {"type": "object", "properties": {"value": {"type": "integer", "minimum": n}}} for n in range(300)
    },
    "required": [f"field_{n}" for n in range(300)],
}
EPHEMERAL: Final = {"type": "ephemeral"}


def user(*parts: Any) -> dict[str, Any]:
    """A user's message of text alone, or of parts."""
    return {"role": "user", "content": parts[0] if len(parts) == 1 and isinstance(parts[0], str) else list(parts)}


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **more}


def image(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def call(call_id: str, name: str, arguments: str, **more: Any) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def called(*calls: dict[str, Any], content: Any = None, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": list(calls), **more}


def result(call_id: str, content: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


HELLO: Final = user("Hello")
WEATHER_CALL: Final = call("call_1", "get_weather", '{"city":"Paris"}')
TIME_CALL: Final = call("call_2", "get_time", "{}")


def ask(*messages: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    """A request; one that says Hello unless messages are given."""
    return {"model": "a-model", "messages": list(messages) or [HELLO], **parameters}


# fmt: off
MATRIX: Final[dict[str, dict[str, Any]]] = {
    # Roles and turns.
    "plain": ask(),
    "system": ask({"role": "system", "content": "Be brief."}, HELLO),
    "developer": ask({"role": "developer", "content": "Be brief."}, HELLO),
    "two_systems": ask({"role": "system", "content": "Be brief."}, {"role": "system", "content": "Be kind."}, HELLO),
    "system_parts": ask({"role": "system", "content": [text("Be brief."), text("Be kind.")]}, HELLO),
    "late_system": ask(HELLO, {"role": "assistant", "content": "Hi"}, {"role": "system", "content": "Now in French."}, user("And?")),
    "system_only": ask({"role": "system", "content": "Be brief."}),
    "history": ask(HELLO, {"role": "assistant", "content": "Hi"}, user("How are you?")),
    "two_users": ask(user("One."), user("Two.")),
    "two_assistants": ask(HELLO, {"role": "assistant", "content": "Hi"}, {"role": "assistant", "content": "there"}, user("Go on")),
    "assistant_first": ask({"role": "assistant", "content": "Welcome"}, HELLO),
    "named_user": ask({"role": "user", "name": "ann", "content": "Hello"}),
    "prefill": ask(HELLO, {"role": "assistant", "content": "The answer is"}),
    "empty_content": ask(user("")),
    "empty_assistant": ask(HELLO, {"role": "assistant", "content": ""}, user("Still there?")),
    "refused_before": ask(HELLO, {"role": "assistant", "content": None, "refusal": "I can't."}, user("Why?")),
    "unicode": ask(user("Ünïcödé 🙂 \u0000 \u2028 日本語 \U0001f468\u200d\U0001f469\u200d\U0001f467")),
    # Parts.
    "parts": ask(user(text("One."), text("Two."))),
    "image_data": ask(user(text("What is this?"), image(f"data:image/png;base64,{PIXEL}"))),
    "image_url": ask(user(text("What is this?"), image("https://example.com/cat.jpg"))),
    "image_detail": ask(user(image(f"data:image/png;base64,{PIXEL}", detail="low"), text("What is this?"))),
    "two_images": ask(user(image(f"data:image/png;base64,{PIXEL}"), text("and"), image(f"data:image/webp;base64,{PIXEL}"))),
    "pdf_in_image_url": ask(user(text("Sum up."), image(f"data:application/pdf;base64,{PDF}"))),
    "file_data": ask(user(text("Sum up."), {"type": "file", "file": {"filename": "a report.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}})),
    "file_url": ask(user(text("Sum up."), {"type": "file", "file": {"file_url": "https://example.com/report.pdf", "mime_type": "application/pdf"}})),
    "file_id": ask(user(text("Sum up."), {"type": "file", "file": {"file_id": "file-123"}})),
    "file_text": ask(user({"type": "file", "file": {"filename": "notes.txt", "file_data": "data:text/plain;base64,SGVsbG8="}}, text("Sum up."))),
    "audio": ask(user(text("What is said?"), {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}})),
    "video": ask(user(text("What happens?"), {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAAIGZ0eXA="}})),
    "unknown_part": ask(user(text("See."), {"type": "hologram", "hologram": {"x": 1}})),
    # Tools.
    "tools": ask(tools=[WEATHER, CLOCK]),
    "tool_strict": ask(tools=[{"type": "function", "function": {**WEATHER["function"], "strict": True}}]),
    "tool_huge": ask(tools=[{"type": "function", "function": {"name": "fill", "parameters": HUGE_SCHEMA}}]),
    "tool_unicode": ask(tools=[{"type": "function", "function": {"name": "wetter", "description": "Wie ist’s in „Köln“? ☔"}}]),
    "choice_auto": ask(tools=[WEATHER], tool_choice="auto"),
    "choice_none": ask(tools=[WEATHER], tool_choice="none"),
    "choice_required": ask(tools=[WEATHER], tool_choice="required"),
    "choice_named": ask(tools=[WEATHER, CLOCK], tool_choice={"type": "function", "function": {"name": "get_time"}}),
    "choice_allowed": ask(tools=[WEATHER, CLOCK], tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "get_time"}}]}}),
    "not_parallel": ask(tools=[WEATHER], parallel_tool_calls=False),
    "parallel": ask(tools=[WEATHER], parallel_tool_calls=True),
    "one_call": ask(HELLO, called(WEATHER_CALL), result("call_1", "Sunny"), tools=[WEATHER]),
    "call_and_text": ask(HELLO, called(WEATHER_CALL, content="Let me see."), result("call_1", "Sunny"), tools=[WEATHER]),
    "two_calls": ask(HELLO, called(WEATHER_CALL, TIME_CALL), result("call_1", "Sunny"), result("call_2", '{"hour": 9}'), tools=[WEATHER, CLOCK]),
    "same_function_twice": ask(HELLO, called(WEATHER_CALL, call("call_3", "get_weather", '{"city":"Rome"}')), result("call_3", "Rain"), result("call_1", "Sunny"), tools=[WEATHER]),
    "results_then_user": ask(HELLO, called(WEATHER_CALL), result("call_1", "Sunny"), user("And tomorrow?"), tools=[WEATHER]),
    "result_parts": ask(HELLO, called(WEATHER_CALL), result("call_1", [text("Sunny"), text(" and warm")]), tools=[WEATHER]),
    "result_empty": ask(HELLO, called(WEATHER_CALL), result("call_1", ""), tools=[WEATHER]),
    "result_image": ask(HELLO, called(WEATHER_CALL), result("call_1", [text("A map:"), image(f"data:image/png;base64,{PIXEL}")]), tools=[WEATHER]),
    "arguments_empty": ask(HELLO, called(call("call_2", "get_time", "")), result("call_2", "9"), tools=[CLOCK]),
    "arguments_broken": ask(HELLO, called(call("call_1", "get_weather", '{"city": "Par')), result("call_1", "?"), tools=[WEATHER]),
    "odd_id": ask(HELLO, called(call("functions.get_time:0", "get_time", "{}")), result("functions.get_time:0", "9"), tools=[CLOCK]),
    "call_without_result": ask(HELLO, called(WEATHER_CALL), user("Never mind."), tools=[WEATHER]),
    "legacy_functions": ask(functions=[WEATHER["function"]], function_call="auto"),
    "native_tool": ask(tools=[{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]),
    "custom_tool": ask(tools=[{"type": "custom", "custom": {"name": "shell", "description": "Runs a command"}}]),
    # The form of the answer.
    "format_text": ask(response_format={"type": "text"}),
    "format_json": ask(user("Answer in JSON."), response_format={"type": "json_object"}),
    "format_schema": ask(response_format={"type": "json_schema", "json_schema": {"name": "reply", "schema": SCHEMA, "strict": True}}),
    "format_and_tools": ask(tools=[WEATHER], response_format={"type": "json_schema", "json_schema": {"name": "reply", "schema": SCHEMA}}),
    # Sampling and limits.
    "max_tokens": ask(max_tokens=100),
    "max_completion_tokens": ask(max_completion_tokens=200),
    "both_limits": ask(max_tokens=100, max_completion_tokens=200),
    "temperature": ask(temperature=0.7),
    "temperature_high": ask(temperature=1.5),
    "top_p": ask(top_p=0.9),
    "temperature_and_top_p": ask(temperature=0.2, top_p=0.9),
    "top_k": ask(top_k=40),
    "stop_string": ask(stop="END"),
    "stop_list": ask(stop=["END", "\n\n"]),
    "penalties": ask(presence_penalty=0.5, frequency_penalty=-0.5),
    "no_penalties": ask(presence_penalty=0, frequency_penalty=0),
    "seed": ask(seed=42),
    "n": ask(n=2),
    "n_one": ask(n=1),
    "logprobs": ask(logprobs=True, top_logprobs=3),
    "logit_bias": ask(logit_bias={"50256": -100}),
    "modalities_audio": ask(modalities=["text", "audio"], audio={"voice": "alloy", "format": "pcm16"}),
    "prediction": ask(prediction={"type": "content", "content": "Hello there"}),
    # Reasoning.
    "effort_none": ask(reasoning_effort="none"),
    "effort_low": ask(reasoning_effort="low", max_tokens=4000),
    "effort_high": ask(reasoning_effort="high"),
    "thinking": ask(thinking={"type": "enabled", "budget_tokens": 2048}, max_tokens=4096),
    "thinking_off": ask(thinking={"type": "disabled"}),
    "reasoning_before": ask(HELLO, {"role": "assistant", "content": "Hi", "reasoning_content": "They greet me."}, user("And?")),
    "signed_by_anthropic": ask(HELLO, called(WEATHER_CALL, reasoning_details=[{"type": "reasoning.text", "text": "Look it up.", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0}]), result("call_1", "Sunny"), tools=[WEATHER]),
    "redacted_by_anthropic": ask(HELLO, {"role": "assistant", "content": "Hi", "content_blocks": [{"type": "redacted_thinking", "data": "ZW5jcnlwdGVk"}, {"type": "text", "text": "Hi"}]}, user("And?")),
    "signed_by_google": ask(HELLO, called({**WEATHER_CALL, "extra_content": {"google": {"thought_signature": "Z29vZ2xl"}}}), result("call_1", "Sunny"), tools=[WEATHER]),
    # About the request.
    "user": ask(user="user-123"),
    "metadata": ask(metadata={"team": "a"}),
    "store": ask(store=True),
    "service_tier": ask(service_tier="flex"),
    "stream": ask(stream=True, stream_options={"include_usage": True}),
    "unknown_parameter": ask(frobnicate={"level": 11}),
    # Cache markers.
    "cache_system": ask({"role": "system", "content": [text("A long text.", cache_control=EPHEMERAL)]}, HELLO),
    "cache_user": ask(user(text("A long text.", cache_control={"type": "ephemeral", "ttl": "1h"}), text("A question."))),
    "cache_tool": ask(tools=[{**WEATHER, "cache_control": EPHEMERAL}]),
    "cache_message": ask({"role": "user", "content": "A long text.", "cache_control": EPHEMERAL}),
}
# fmt: on
