"""The rows of surfaces: method and path -> the operation and the caller's dialect."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Final

from penstock.core import did_you_mean
from penstock.core.operation import Operation
from penstock.dialects.caller import CallerDialect
from penstock.dialects.registry import caller_dialect
from penstock.providers import google
from penstock.server.bodies.media_types import BodyKind
from penstock.server.paths import forgiven, is_plain, named_path, raw_end
from penstock.server.surface_table import Match, Surface, SurfaceTable

_PAGING: Final = frozenset({"limit", "after_id", "before_id", "pageSize", "pageToken", "type", "endpoint"})
"""Query parameters by which clients ask for a part of a list."""
_OPENAI: Final = "openai_chat"
"""The wire of everyone who doesn't tell another."""
_TYPED: Final = "typed"
"""The same with replies that are no chat's: of videos their seconds are read."""
METHODS: Final = ("GET", "POST", "DELETE", "PUT", "PATCH")
"""The methods that pass."""
_RESOURCES: Final = (
    "assistants",
    "batches",
    "containers",
    "conversations",
    "evals",
    "files",
    "fine_tuning",
    "skills",
    "threads",
    "uploads",
    "vector_stores",
    "videos",
)
"""What OpenAI keeps for its callers, at ``/v1/NAME`` and below. Source: OpenAI API reference."""


_MESSAGES: Final = re.compile(
    rb'\s*+\{(?>\s*+"[^"\\]{1,64}+"\s*+:\s*+(?:"[^"\\]{0,256}+"|[^"\\,\[\]{}\s]{1,32}+)\s*+,){0,16}+\s*+"messages"\s*+:'
)
"""A body whose member ``messages`` comes first, or behind short texts and numbers: as most clients write it."""


def _chat(path: str) -> Surface:
    """A path of chat completions, where Cursor sends requests of Responses, too."""
    others = (Surface("POST", path, Operation.CHAT, "responses_in_chat"),)
    return Surface("POST", path, Operation.CHAT, _OPENAI, others=others, usual=_MESSAGES)


def _kept(
    path: str, resource: str, wire: str, methods: Iterable[str] = METHODS, provider: str | None = None
) -> list[Surface]:
    """The surfaces at a path of what a provider keeps."""
    return [
        Surface(method, path, Operation.PROXY, wire, BodyKind.ANY, provider, None, resource=resource)
        for method in methods
    ]


def _passed() -> list[Surface]:
    """The surfaces whose requests pass as they are."""
    surfaces = _kept("/v1/chat/completions", "chat/completions", _OPENAI, ["GET"])
    surfaces += _kept("/v1/chat/completions/{rest}", "chat/completions", _OPENAI, ["GET", "POST", "DELETE"])
    for name in _RESOURCES:
        wire = _TYPED if name == "videos" else _OPENAI
        surfaces += _kept(f"/v1/{name}", name, wire) + _kept(f"/v1/{name}/{{rest}}", name, wire)
    for path in ("/v1/messages/batches", "/v1/messages/batches/{rest}"):
        surfaces += _kept(path, "messages/batches", "anthropic", provider="anthropic")
    for name in google.RESOURCES:
        wire = "gemini_interactions" if name == google.INTERACTIONS else "gemini"
        for path in (f"/{name}", f"/{name}/{{rest}}"):
            surfaces += _kept(path, name, wire, provider="google")
    for path in ("/v1/cachedContents", "/v1/cachedContents/{rest}"):  # Google's SDKs ask there by default
        surfaces += _kept(path, google.CACHES, "gemini", provider="google")
    for path in ("client_secrets", "sessions", "transcription_sessions"):
        surfaces += _kept(f"/v1/realtime/{path}", f"realtime/{path}", _OPENAI, ["POST"])
    surfaces += _kept("/v1/models/{rest}", "models", _OPENAI, ["DELETE"])
    surfaces += [
        Surface(method, "/v1/proxy/{rest}", Operation.PROXY, _OPENAI, BodyKind.ANY, None, None) for method in METHODS
    ]
    return surfaces


def passed(method: str, path: str, *own: str) -> Match | None:
    """The surface of any other path below ``/v1``: the provider that the request names judges it. None for a method
    that doesn't pass, for a path with an empty segment or dots, and for one that is nearly an endpoint's, or one of the
    gateway's ``own``."""
    rest = path.removeprefix("/v1/")
    if rest == path or method not in METHODS or not is_plain(rest):
        return None
    if did_you_mean.nearest(path, [*own, *(known for known in SURFACES.paths if "{" not in known)], _SLIP) is not None:
        return None
    surface = Surface(method, "/v1/{rest}", Operation.PROXY, _wire_of(path), BodyKind.ANY, None, None)
    return Match(surface, {"rest": rest})


_SLIP: Final = 0.9
"""The likeness of a path to an endpoint's from which it is a slip."""


DEFAULT_DIALECT: Final = caller_dialect(_OPENAI)
_ABOUT_RESPONSES: Final = frozenset(
    "include include[] include%5B%5D stream starting_after include_obfuscation limit order after before".split()
)
"""The query parameters of requests about responses. A list is written with brackets, which clients may encode."""


def _of_responses(method: str, path: str, operation: Operation, body: bytes = BodyKind.NONE) -> Surface:
    """What can be asked beside making a response. A response that is kept has no usual provider: the one that made it
    may have been named by the model, which such a request doesn't have."""
    return Surface(
        method,
        f"/v1/responses{path}",
        operation,
        "responses",
        body,
        "openai" if body else None,
        forwarded_query=_ABOUT_RESPONSES,
    )


_OLLAMA_ONLY: Final = "/api/"
_COHERE_ONLY: Final = "/v2/"
_OLD_COHERE: Final = "/v1/chat"
_GEMINI_ONLY: Final = ("/v1beta/", "/v1alpha/", "/ws/")
_MODELS: Final = "/models/"
_GEMINI_PATHS: Final = tuple(
    f"/{version}/{parent}{{model}}" for version in ("v1beta", "v1", "v1alpha") for parent in ("models/", "")
)
_VERTEX_PATHS: Final = tuple(
    f"/{version}/projects/{{project}}/locations/{{location}}/publishers/{{publisher}}/models/{{model}}"
    for version in ("v1", "v1beta1")
)
_GEMINI_VERBS: Final[tuple[tuple[str, Operation, bool | None], ...]] = (
    ("generateContent", Operation.CHAT, False),
    ("streamGenerateContent", Operation.CHAT, True),
    ("countTokens", Operation.COUNT_TOKENS, False),
    ("predict", Operation.PREDICT, False),
    ("predictLongRunning", Operation.PREDICT_LATER, False),
    ("fetchPredictOperation", Operation.FETCH_PREDICTED, False),
    ("batchGenerateContent", Operation.BATCH_GENERATE, False),
    ("asyncBatchEmbedContent", Operation.BATCH_EMBED, False),
)


_GEMINI_EMBEDDINGS: Final = (("embedContent", "gemini_embed"), ("batchEmbedContents", "gemini_batch_embed"))


def _gemini_surfaces() -> Iterable[Surface]:
    """Gemini's paths: the verb follows the last colon, for names of models hold colons and slashes. Its clients use
    either version, and some leave ``models/`` out for a name with a slash. Vertex AI's paths name no usual provider:
    its credential isn't the Gemini API's. Google's SDK makes a publisher of what stands before a model's slash."""
    for paths, provider in ((_VERTEX_PATHS, None), (_GEMINI_PATHS, "google")):
        for path in paths:
            for verb, operation, streams in _GEMINI_VERBS:
                yield Surface("POST", f"{path}:{verb}", operation, "gemini", default_provider=provider, streams=streams)
            for verb, name in _GEMINI_EMBEDDINGS:
                yield Surface(
                    "POST", f"{path}:{verb}", Operation.EMBEDDINGS, name, default_provider=provider, streams=False
                )
    for version in ("v1beta", "v1alpha"):
        listing = f"/{version}/models"
        later = f"{listing}/{{id}}/operations/{{operation}}"
        yield Surface("GET", later, Operation.PREDICTED, "gemini", BodyKind.NONE, "google")
        yield Surface("GET", listing, Operation.MODELS, "gemini", BodyKind.NONE, "google", _PAGING)
        yield Surface("GET", f"{listing}/{{id}}", Operation.MODEL, "gemini", BodyKind.NONE, "google", _PAGING)


def _live_surfaces() -> Iterable[Surface]:
    """Gemini's Live API. Each version is an exact path: what comes in place of it may be no other path of the host."""
    for version in google.LIVE_VERSIONS:
        path, named = google.LIVE.format(version=version), (("version", version),)
        yield Surface("GET", path, Operation.REALTIME, "gemini", BodyKind.NONE, "google", None, parameters=named)


def _ollama_surfaces() -> Iterable[Surface]:
    """Ollama's paths. Its clients are given a host alone, and ask for the list of models first. Its server doesn't look
    at a body's media type, and no example of its documentation says one."""
    ollama = "ollama"
    for path, operation, wire in (
        ("/api/chat", Operation.CHAT, ollama),
        ("/api/generate", Operation.CHAT, "ollama_generate"),
        ("/api/show", Operation.SHOW, ollama),
        ("/api/embed", Operation.EMBEDDINGS, "ollama_embed"),
        ("/api/embeddings", Operation.EMBEDDINGS, "ollama_embeddings"),
    ):
        yield Surface("POST", path, operation, wire, BodyKind.JSON_BY_CURL, ollama)
    yield Surface("GET", "/api/tags", Operation.MODELS, ollama, BodyKind.NONE, ollama)


_BEDROCK_ONLY: Final = ("/model/", "/inference-profiles", "/foundation-models", "/async-invoke")
_CONVERSE_VERBS: Final = (("converse", False), ("converse-stream", True))
_INVOKE_VERBS: Final = (("invoke", False), ("invoke-with-response-stream", True))
_INVOKED: Final[tuple[tuple[Operation, str], ...]] = (
    (Operation.EMBEDDINGS, "invoke_embed"),
    (Operation.RERANK, "invoke_rerank"),
    (Operation.INVOKE, "invoke_own"),
)
"""What a body that isn't Claude's asks for, by its wire."""
_CLAUDE_AT_VERTEX: Final = tuple(
    f"/{version}/projects/{{project}}/locations/{{location}}/publishers/anthropic/models/{{model}}"
    for version in ("v1", "v1beta1")
)


def _claude_elsewhere() -> Iterable[Surface]:
    """Bedrock's paths, and Claude's on Vertex AI. A model's name may be an ARN, whose slashes clients encode. Bodies of
    InvokeModel say whose they are."""

    def at_bedrock(verb: str, operation: Operation, wire: str, streams: bool, *others: Surface) -> Surface:
        path = f"/model/{{model}}/{verb}"
        return Surface("POST", path, operation, wire, default_provider="bedrock", streams=streams, others=others)

    for verb, streams in _CONVERSE_VERBS:
        yield at_bedrock(verb, Operation.CHAT, "bedrock_converse", streams)
    for verb, streams in _INVOKE_VERBS:
        # Tasks have no streams: what streams is text, whatever the body looks like.
        kinds = _INVOKED[-1:] if streams else _INVOKED
        others = [at_bedrock(verb, operation, wire, streams) for operation, wire in kinds]
        yield at_bedrock(verb, Operation.CHAT, "invoke", streams, *others)
    for path, wire in (("/foundation-models", "bedrock_models"), ("/inference-profiles", "bedrock_profiles")):
        yield Surface("GET", path, Operation.MODELS, wire, BodyKind.NONE, "bedrock", _PAGING)
        yield Surface("GET", f"{path}/{{id}}", Operation.MODEL, wire, BodyKind.NONE, "bedrock", _PAGING)
    counted = "/model/{model}/count-tokens"
    yield Surface("POST", counted, Operation.COUNT_TOKENS, "bedrock_count", default_provider="bedrock", streams=False)
    for path in _CLAUDE_AT_VERTEX:
        counting = f"{path.replace('{model}', 'count-tokens')}:rawPredict"
        yield Surface("POST", counting, Operation.COUNT_TOKENS, "raw_predict", streams=False)
        for verb, streams in (("rawPredict", False), ("streamRawPredict", True)):
            yield Surface("POST", f"{path}:{verb}", Operation.CHAT, "raw_predict", streams=streams)


def _azure_surfaces() -> Iterable[Surface]:
    """Azure OpenAI's paths, whose clients name the model as a deployment; a form has a field for it as well. The
    credential isn't OpenAI's, so that there is no usual provider.
    https://learn.microsoft.com/azure/ai-foundry/openai/reference"""
    yield _chat("/openai/deployments/{model}/chat/completions")
    yield Surface("GET", "/openai/realtime", Operation.REALTIME, _OPENAI, BodyKind.NONE, forwarded_query=None)
    for path, operation, wire in (
        ("completions", Operation.COMPLETIONS, "completions"),
        ("embeddings", Operation.EMBEDDINGS, _OPENAI),
        ("images/generations", Operation.IMAGES, "images"),
        ("audio/speech", Operation.SPEECH, "speech"),
    ):
        yield Surface("POST", f"/openai/deployments/{{model}}/{path}", operation, wire)
    for path, operation, wire in (
        ("images/edits", Operation.IMAGE_EDITS, "images"),
        ("audio/transcriptions", Operation.TRANSCRIPTIONS, "transcripts"),
        ("audio/translations", Operation.TRANSLATIONS, "transcripts"),
    ):
        yield Surface("POST", f"/openai/deployments/{{deployment}}/{path}", operation, wire, BodyKind.MULTIPART)


_LISTS: Final = frozenset({"/v1/models", "/v1/models/{id}"})
_FILES: Final = frozenset({"/v1/files", "/v1/files/{rest}", "/v1/skills", "/v1/skills/{rest}"})
_GOOGLE_HEADERS: Final = (b"x-goog-api-key", b"x-goog-api-client")
_GOOGLE_QUERY: Final = re.compile(r"(?:^|&)(?:key|pageSize|pageToken)=")


def find(method: str, path: str) -> tuple[Match | str | None, str | None, str]:
    """The surface of a request or, with another method, the methods that there are; the name before its path; and the
    path without the name. ``path`` is percent-decoded. A slip of the base URL is forgiven, but for what passes as it
    is: what its path means only the host knows."""
    match, name, rest = SURFACES.find(method, path), None, path
    if match is None:
        name, rest = named_path(path)
        match = None if name is None else SURFACES.find(method, rest)
    if match is None:
        for meant in forgiven(rest):
            found = SURFACES.find(method, meant)
            if isinstance(found, Match) and found.surface.operation is not Operation.PROXY:
                match, rest = found, meant
                break
    return match, name, rest


def in_callers_wire(match: Match, fields: Mapping[bytes, bytes], query: str) -> Match:
    """The surface in the wire of the client that asks. Lists of models and files have the same path in several wires:
    Anthropic's clients tell their version, Google's show their key otherwise, Cohere's SDK says its name, and everyone
    else is OpenAI's."""
    surface = match.surface
    if surface.path in _FILES and b"anthropic-version" in fields:
        own = dataclasses.replace(surface, wire="anthropic", default_provider="anthropic")
        return Match(own, match.parameters)
    if surface.path not in _LISTS:
        return match
    if b"anthropic-version" in fields:
        name, provider = "anthropic", "anthropic"
    elif any(header in fields for header in _GOOGLE_HEADERS) or _GOOGLE_QUERY.search(query) is not None:
        name, provider = "gemini", "google"
    elif fields.get(b"x-fern-sdk-name") == b"cohere":
        name, provider = "cohere", "cohere"
    else:
        return match
    listing = dataclasses.replace(surface, wire=name, default_provider=provider, forwarded_query=_PAGING)
    return Match(listing, match.parameters)


def as_it_came(match: Match, raw_path: str) -> Match:
    """The surface of what passes, with a parameter ``raw_rest``: the rest of its path as the request spells it."""
    rest = match.parameters.get("rest")
    if rest is None:
        return match
    return Match(match.surface, {**match.parameters, "raw_rest": raw_end(raw_path, rest)})


SURFACES: Final = SurfaceTable(
    (
        _chat("/v1/chat/completions"),
        Surface("GET", "/v1/models", Operation.MODELS, _OPENAI, BodyKind.NONE),
        Surface("GET", "/v1/models/{id}", Operation.MODEL, _OPENAI, BodyKind.NONE),
        Surface("POST", "/v1/embeddings", Operation.EMBEDDINGS, _OPENAI),
        Surface(
            "POST",
            "/v1/messages",
            Operation.CHAT,
            "anthropic",
            default_provider="anthropic",
            forwarded_query=frozenset({"beta"}),
        ),
        Surface(
            "POST",
            "/v1/messages/count_tokens",
            Operation.COUNT_TOKENS,
            "anthropic",
            default_provider="anthropic",
            forwarded_query=frozenset({"beta"}),
        ),
        *_gemini_surfaces(),
        *_ollama_surfaces(),
        *_claude_elsewhere(),
        *_azure_surfaces(),
        Surface("POST", "/v1/completions", Operation.COMPLETIONS, "completions"),
        Surface("POST", "/v1/images/generations", Operation.IMAGES, "images"),
        Surface("POST", "/v1/images/edits", Operation.IMAGE_EDITS, "images", BodyKind.FORM_OR_JSON),
        Surface("POST", "/v1/images/variations", Operation.IMAGE_VARIATIONS, "images", BodyKind.MULTIPART),
        Surface("POST", "/v1/audio/speech", Operation.SPEECH, "speech"),
        Surface("POST", "/v1/audio/transcriptions", Operation.TRANSCRIPTIONS, "transcripts", BodyKind.MULTIPART),
        Surface("POST", "/v1/audio/translations", Operation.TRANSLATIONS, "transcripts", BodyKind.MULTIPART),
        Surface("POST", "/v1/moderations", Operation.MODERATIONS, _TYPED),
        Surface("POST", "/v1/rerank", Operation.RERANK, _TYPED),
        Surface("POST", "/v2/chat", Operation.CHAT, "cohere", default_provider="cohere"),
        Surface("POST", "/v2/embed", Operation.EMBEDDINGS, "cohere_embed", default_provider="cohere"),
        Surface("POST", "/v2/rerank", Operation.RERANK, "cohere_rerank", default_provider="cohere"),
        Surface("POST", "/rerank", Operation.RERANK, _TYPED),
        *_passed(),
        Surface("GET", "/v1/realtime", Operation.REALTIME, _OPENAI, BodyKind.NONE, forwarded_query=None),
        *_live_surfaces(),
        Surface("POST", "/v1/responses", Operation.CHAT, "responses", default_provider="openai"),
        Surface(
            "GET",
            "/v1/responses",
            Operation.RESPONSE_SESSION,
            "responses",
            BodyKind.NONE,
            default_provider="openai",
            forwarded_query=None,
        ),
        _of_responses("POST", "/compact", Operation.RESPONSE_COMPACT, BodyKind.JSON),
        _of_responses("POST", "/input_tokens", Operation.RESPONSE_TOKENS, BodyKind.JSON),
        _of_responses("POST", "/{id}/cancel", Operation.RESPONSE_CANCEL),
        _of_responses("GET", "/{id}/input_items", Operation.RESPONSE_ITEMS),
        _of_responses("GET", "/{id}", Operation.RESPONSE),
        _of_responses("DELETE", "/{id}", Operation.RESPONSE_DELETE),
    )
)


def dialect_of(path: str) -> CallerDialect:
    """The dialect in which a request without a surface is refused: that of the surfaces at its path or above."""
    return caller_dialect(_wire_of(path))


def _wire_of(path: str) -> str:
    if path.startswith(_BEDROCK_ONLY):
        return "bedrock_converse"
    if path.startswith(_GEMINI_ONLY) or _has_verb(path):
        return "gemini"
    if path.startswith(_OLLAMA_ONLY):
        return "ollama"
    if path.startswith(_COHERE_ONLY) or path == _OLD_COHERE:
        return "cohere"
    return SURFACES.wire_above(path) or _OPENAI


def _has_verb(path: str) -> bool:
    """Whether a path names a model and, behind the last colon, what is asked of it."""
    name, _, verb = path.rpartition(":")
    return name.partition(_MODELS)[2] != "" and _WORD.fullmatch(verb) is not None


_WORD: Final = re.compile(r"\w+")
