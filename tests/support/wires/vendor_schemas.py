"""What a request can hold, member by member, as the vendors' own clients have it: their types are walked.

A ``Change`` is a request's member with a value, at a path such as ``messages[].content[].cache_control``, beside the
same request without it. A value that can be told again is one of ``TEXT`` and ``NUMBER``. Tests that walk them are
skipped where a client is missing.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import pytest
import typing_extensions

for client in ("anthropic", "google.genai", "cohere", "ollama", "botocore", "openai"):
    pytest.importorskip(client, reason="the SDKs are not installed")

TEXT: Final = "zqtext"
NUMBER: Final = 7
_DEEPEST: Final = 10
_BASE64: Final = "enF0ZXh0"


class Change(NamedTuple):
    """A member at a path: the value around it without the member, and with it."""

    path: str
    without: Any
    value: Any


class Members(NamedTuple):
    """The members of an object, by their names in JSON: those it must have, and those it may, of which a union has
    one."""

    name: str
    required: Mapping[str, Any]
    optional: Mapping[str, Any]
    is_union: bool = False


def changes(hint: Any, depth: int = 0, within: tuple[str, ...] = ()) -> Iterator[Change]:
    """Every member that a value of this type may hold."""
    if depth > _DEEPEST:
        return
    for alternative in _alternatives(hint):
        inner = _element(alternative)
        if inner is not None:
            yield from _of_elements(inner, depth, within)
            continue
        members = _members(alternative)
        if members is not None and members.name not in within:
            yield from _of_members(members, depth, (*within, members.name))


def _of_elements(inner: Any, depth: int, within: tuple[str, ...]) -> Iterator[Change]:
    """Each kind of element beside the first, and what elements may hold."""
    elements = values(inner, depth + 1)
    for element in elements[1:]:
        yield Change(f"[]{_tag(element)}", elements[:1], [elements[0], element])
    for change in changes(inner, depth + 1, within):
        yield Change(f"[]{change.path}", [change.without], [change.value])


def _of_members(members: Members, depth: int, within: tuple[str, ...]) -> Iterator[Change]:
    """Each member that an object may have, and what all of them may hold."""
    minimal = {name: first(each, depth) for name, each in members.required.items()}
    tag = _tag(minimal)
    for name, each in () if members.is_union else members.optional.items():
        for value in values(each, depth + 1):
            yield Change(f"{tag}.{name}", minimal, {**minimal, name: value})
    for name, each in {**members.required, **members.optional}.items():
        for path, without, value in changes(each, depth + 1, within):
            yield Change(f"{tag}.{name}{path}", {**minimal, name: without}, {**minimal, name: value})


def _tag(value: Any) -> str:
    """What tells an object from the others of a list."""
    kind = value.get("type") if isinstance(value, dict) else None
    return f"<{kind}>" if isinstance(kind, str) else ""


def values(hint: Any, depth: int = 0) -> list[Any]:
    """The least value of each alternative of a type."""
    found: list[Any] = []
    for alternative in _alternatives(hint):
        inner = _element(alternative)
        if inner is not None:
            found += [[value] for value in (values(inner, depth + 1) if depth < _DEEPEST else [])]
            continue
        members = _members(alternative)
        if members is not None and depth < _DEEPEST:
            if members.is_union:
                found += [{name: value} for name, each in members.optional.items() for value in values(each, depth + 1)]
            else:
                found.append({name: first(each, depth + 1) for name, each in members.required.items()})
        if members is not None:
            continue
        found += _plain(alternative)
    return found


def first(hint: Any, depth: int = 0) -> Any:
    """One value of a type."""
    return next(iter(values(hint, depth)), TEXT)


def _plain(hint: Any) -> list[Any]:
    """Values of a type that is neither object nor array."""
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return [choice for choice in typing.get_args(hint) if choice is not None]
    if isinstance(hint, _Shape):
        return hint.plain()
    if hint is bool:
        return [True]
    if hint is int:
        return [NUMBER]
    if hint is float:
        return [0.5]
    if hint is bytes:
        return [_BASE64]
    if origin in {dict, Mapping} or hint in {dict, Mapping}:
        value = typing.get_args(hint)[1:]
        return [{TEXT: first(value[0])}] if value else [{TEXT: TEXT}]
    if isinstance(hint, type) and hasattr(hint, "__members__"):
        return [next((each.value for each in hint.__members__.values() if "UNSPECIFIED" not in each.value), TEXT)]
    return [{TEXT: TEXT}] if hint in {object, Any} else [TEXT] if hint is str else []


def _alternatives(hint: Any) -> list[Any]:
    """The alternatives of a union, without null."""
    origin = typing.get_origin(hint)
    if origin is typing.Annotated or origin in {typing.Required, typing.NotRequired}:
        return _alternatives(typing.get_args(hint)[0])
    if isinstance(hint, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
        return _alternatives(hint.__value__)
    if origin in {typing.Union, types.UnionType}:
        return [each for part in typing.get_args(hint) if part is not type(None) for each in _alternatives(part)]
    return [hint]


def _element(hint: Any) -> Any:
    """What an array holds; None for anything else."""
    if isinstance(hint, _Shape):
        return hint.element()
    if typing.get_origin(hint) in {list, Iterable, Sequence, set, tuple} and typing.get_args(hint):
        return typing.get_args(hint)[0]
    return None


@functools.cache
def _members(hint: Any) -> Members | None:
    """The members of a TypedDict, of a model of pydantic's or of a structure of AWS's; None for anything else."""
    if isinstance(hint, _Shape):
        return hint.members()
    if typing_extensions.is_typeddict(hint):
        hints = typing_extensions.get_type_hints(hint, include_extras=True)
        named = {_alias(name, each): each for name, each in hints.items()}
        required = {_alias(name, each) for name, each in hints.items() if _is_required(hint, name, each)}
        return Members(
            hint.__name__,
            {name: each for name, each in named.items() if name in required},
            {name: each for name, each in named.items() if name not in required},
        )
    fields = getattr(hint, "model_fields", None)
    if not isinstance(hint, type) or fields is None:
        return None
    must: dict[str, Any] = {}
    may: dict[str, Any] = {}
    for name, field in fields.items():
        is_kind = typing.get_origin(field.annotation) is typing.Literal and isinstance(field.default, str)
        (must if field.is_required() or is_kind else may)[field.alias or name] = field.annotation
    return Members(hint.__name__, must, may)


def _is_required(hint: Any, name: str, member: Any) -> bool:
    """Whether a TypedDict must have a member: also where its annotations are text, in which Python sees no
    ``Required``."""
    origin = typing.get_origin(member)
    return origin is typing.Required or (name in hint.__required_keys__ and origin is not typing.NotRequired)


def _alias(name: str, hint: Any) -> str:
    """The name in JSON, where an SDK's annotation tells another."""
    if typing.get_origin(hint) in {typing.Required, typing.NotRequired}:
        return _alias(name, typing.get_args(hint)[0])
    metadata = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
    return next((each.alias for each in metadata if getattr(each, "alias", None)), name)


class _Shape:
    """A shape of AWS's service descriptions."""

    def __init__(self, shape: Any) -> None:
        self.shape = shape

    def __hash__(self) -> int:
        return hash(self.shape.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Shape) and self.shape.name == other.shape.name

    def element(self) -> _Shape | None:
        return _Shape(self.shape.member) if self.shape.type_name == "list" else None

    def members(self) -> Members | None:
        if self.shape.type_name != "structure" or getattr(self.shape, "is_document_type", False):
            return None
        named = {name: _Shape(each) for name, each in self.shape.members.items()}
        required = self.shape.required_members
        if getattr(self.shape, "is_tagged_union", False):
            return Members(self.shape.name, {}, named, is_union=True)
        return Members(
            self.shape.name,
            {name: each for name, each in named.items() if name in required},
            {name: each for name, each in named.items() if name not in required},
        )

    def plain(self) -> list[Any]:
        if getattr(self.shape, "is_document_type", False):
            return [{TEXT: TEXT}]
        kind = self.shape.type_name
        if kind == "string":
            return list(itertools.islice(self.shape.enum, 3)) or [TEXT]
        simple = {"integer": NUMBER, "long": NUMBER, "float": 0.5, "double": 0.5, "boolean": True, "blob": _BASE64}
        return [{TEXT: TEXT}] if kind == "map" else [simple[kind]] if kind in simple else []


# The vendors.


def requests() -> dict[str, Any]:
    """The request of each wire of chats, as its vendor's SDK has it."""
    import ollama._types
    from anthropic.types import message_create_params as messages
    from cohere.v2.client import V2Client
    from google.genai import types as genai
    from openai.types.chat import completion_create_params as chats
    from openai.types.responses import response_create_params as responses

    return {
        "openai_chat": chats.CompletionCreateParamsNonStreaming,
        "responses": responses.ResponseCreateParamsNonStreaming,
        "anthropic": messages.MessageCreateParamsNonStreaming,
        "gemini": _gemini(genai),
        "bedrock_converse": _converse(),
        "cohere": _arguments(V2Client.chat),
        "ollama": ollama._types.ChatRequest,
    }


def _gemini(genai: Any) -> Any:
    """The body of ``generateContent``: the SDK has no type for it as a whole."""
    members = {
        "contents": list[genai.Content],
        "systemInstruction": genai.Content,
        "tools": list[genai.Tool],
        "toolConfig": genai.ToolConfig,
        "generationConfig": genai.GenerationConfig,
        "safetySettings": list[genai.SafetySetting],
        "cachedContent": str,
        "labels": dict[str, str],
        "serviceTier": str,
    }
    return typing.TypedDict("GenerateContent", members, total=False)  # type: ignore[operator]


def _converse() -> Any:
    import botocore.session

    model = botocore.session.get_session().get_service_model("bedrock-runtime")
    return _Shape(model.operation_model("Converse").input_shape)


def _arguments(function: Any) -> Any:
    """The parameters of a client's method, as the object that they become."""
    hints = typing.get_type_hints(function)
    names = [name for name in inspect.signature(function).parameters if name not in {"self", "request_options"}]
    return typing.TypedDict("Arguments", {name: hints[name] for name in names}, total=False)  # type: ignore[operator]


def replies() -> dict[str, Any]:
    """The whole reply of each wire of chats, as its vendor's SDK has it."""
    import anthropic.types as messages
    import botocore.session
    import cohere
    import ollama._types
    from google.genai import types as genai
    from openai.types import chat, responses

    model = botocore.session.get_session().get_service_model("bedrock-runtime")
    return {
        "openai_chat": chat.ChatCompletion,
        "responses": responses.Response,
        "anthropic": messages.Message,
        "gemini": genai.GenerateContentResponse,
        "bedrock_converse": _Shape(model.operation_model("Converse").output_shape),
        "cohere": cohere.V2ChatResponse,
        "ollama": ollama._types.ChatResponse,
    }


def events() -> dict[str, Iterator[Any]]:
    """Every event of each wire of chats, as its vendor's SDK has it, with each member that it may have. Of Responses
    those that tell pieces and items: the others hold the whole response."""
    import anthropic.types as messages
    import botocore.session
    import cohere
    import ollama._types
    from google.genai import types as genai
    from openai.types import chat, responses

    model = botocore.session.get_session().get_service_model("bedrock-runtime")
    hints = {
        "openai_chat": [chat.ChatCompletionChunk],
        "responses": [
            each
            for each in _alternatives(responses.ResponseStreamEvent)
            if not {"response", "message", "partial_image_b64"} & each.model_fields.keys()
        ],
        "anthropic": [messages.RawMessageStreamEvent],
        "gemini": [genai.GenerateContentResponse],
        "bedrock_converse": [_Shape(model.operation_model("ConverseStream").output_shape.members["stream"])],
        "cohere": [cohere.V2ChatStreamResponse],
        "ollama": [ollama._types.ChatResponse],
    }
    return {wire: _each(found) for wire, found in hints.items()}


def _each(hints: Iterable[Any]) -> Iterator[Any]:
    for hint in hints:
        yield from values(hint)
        for change in changes(hint):
            yield change.value


# Strings with a mark.


class Place(NamedTuple):
    """A string in a value, or the name of a member whose names are free: ``path`` as in a Change; ``names`` are those
    around it."""

    path: str
    pointer: tuple[str | int, ...]
    is_name: bool

    @property
    def names(self) -> set[str]:
        return {step for step in self.pointer if isinstance(step, str)}


def places(value: Any, pointer: tuple[str | int, ...] = (), path: str = "") -> Iterator[Place]:
    """Every string of a value that isn't one of a few, and every name of a member that is whoever writes it."""
    if value == TEXT:
        yield Place(path, pointer, is_name=False)
    elif isinstance(value, dict):
        tag = _tag(value) if value.get("type") != TEXT else ""
        for name, each in value.items():
            if name == TEXT:
                yield Place(f"{path}{tag}.{{}}", (*pointer, name), is_name=True)
            yield from places(each, (*pointer, name), f"{path}{tag}.{name if name != TEXT else '*'}")
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value):
            yield from places(each, (*pointer, number), f"{path}[]")


def planted(value: Any, place: Place, mark: str) -> Any:
    """The value with a mark at a place."""
    return _planted(value, place.pointer, mark, is_name=place.is_name)


def _planted(value: Any, pointer: tuple[str | int, ...], mark: str, *, is_name: bool) -> Any:
    if not pointer:
        return mark
    step, rest = pointer[0], pointer[1:]
    if isinstance(value, dict):
        if is_name and not rest:
            return {mark if name == step else name: each for name, each in value.items()}
        return {
            name: _planted(each, rest, mark, is_name=is_name) if name == step else each for name, each in value.items()
        }
    return [_planted(each, rest, mark, is_name=is_name) if at == step else each for at, each in enumerate(value)]
