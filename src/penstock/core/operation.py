"""What a caller asks a provider to do."""

from __future__ import annotations

from enum import Enum
from typing import Final

_WITHOUT_BODY: Final = {
    "models": b"GET",
    "models.retrieve": b"GET",
    "responses.retrieve": b"GET",
    "responses.delete": b"DELETE",
    "responses.cancel": b"POST",
    "responses.input_items": b"GET",
    "operations.retrieve": b"GET",
    "realtime": b"GET",
    "responses.connect": b"GET",
}
"""The operations whose requests have no body, each with its method."""
_REQUEST_TYPES: Final = {
    "chat.completions": "chatComplete",
    "completions": "complete",
    "embeddings": "embed",
    "images.generations": "imageGenerate",
    "images.edits": "imageEdit",
    "images.variations": "imageVariation",
    "audio.speech": "createSpeech",
    "audio.transcriptions": "createTranscription",
    "audio.translations": "createTranslation",
    "moderations": "moderate",
    "rerank": "rerank",
    "realtime": "realtime",
    "responses.connect": "realtime",
    "responses.retrieve": "getModelResponse",
    "responses.delete": "deleteModelResponse",
    "responses.cancel": "cancelModelResponse",
    "responses.input_items": "listResponseInputItems",
    "responses.compact": "createModelResponse",
}
UNBILLED: Final = frozenset(
    {
        "models", "models.retrieve", "models.show", "count_tokens", "responses.input_tokens", "responses.retrieve",
        "responses.delete", "responses.cancel", "responses.input_items", "operations.retrieve", "fetchPredictOperation",
    }
)  # fmt: skip
"""What no provider bills: lists of models, counts of tokens, and what is asked of something that was made before."""
_CACHEABLE: Final = frozenset(
    {"chat.completions", "completions", "embeddings", "moderations", "rerank", "images.generations"}
)
"""What is asked by JSON and answered by JSON, and keeps nothing at the host."""
CHAT_TYPES: Final = frozenset({"chatComplete", "messages", "createModelResponse", "generateContent", "converse"})
"""Portkey's names of a chat, one for each wire; the last two are of wires that Portkey's gateway doesn't speak."""


class Operation(Enum):
    """What a caller asks a provider to do. The value names it in messages and logs."""

    CHAT = "chat.completions"
    EMBEDDINGS = "embeddings"
    COUNT_TOKENS = "count_tokens"
    MODELS = "models"
    MODEL = "models.retrieve"
    SHOW = "models.show"
    """As the operation before; the body names the model."""
    COMPLETIONS = "completions"
    IMAGES = "images.generations"
    IMAGE_EDITS = "images.edits"
    IMAGE_VARIATIONS = "images.variations"
    SPEECH = "audio.speech"
    TRANSCRIPTIONS = "audio.transcriptions"
    TRANSLATIONS = "audio.translations"
    MODERATIONS = "moderations"
    RERANK = "rerank"
    PREDICT = "predict"
    """Pictures and other models in Google's own words."""
    PREDICT_LATER = "predictLongRunning"
    """As the operation before; the answer names what is asked for the result."""
    FETCH_PREDICTED = "fetchPredictOperation"
    """The result of a prediction at Vertex AI, whose model the path names."""
    BATCH_GENERATE = "batchGenerateContent"
    """Chats that are answered later, in Google's own words; the answer names what keeps them."""
    BATCH_EMBED = "asyncBatchEmbedContent"
    INVOKE = "invoke_model"
    """Any model of Bedrock's, in its maker's own words."""
    PREDICTED = "operations.retrieve"
    PROXY = "proxy"
    """Anything else: method, path, query and body pass as they are."""
    REALTIME = "realtime"
    """A WebSocket: the request has no body, and names its model in the query."""
    RESPONSE_SESSION = "responses.connect"
    """A WebSocket in whose messages responses are made; each names its model."""
    RESPONSE = "responses.retrieve"
    RESPONSE_DELETE = "responses.delete"
    RESPONSE_CANCEL = "responses.cancel"
    RESPONSE_ITEMS = "responses.input_items"
    RESPONSE_COMPACT = "responses.compact"
    RESPONSE_TOKENS = "responses.input_tokens"

    # Members are compared by identity. Enum's own hash is a Python function: too slow for keys on the hot path.
    __hash__ = object.__hash__

    def __init__(self, name: str) -> None:
        self.text: str = name
        """The value. For the hot path: ``value`` is a property of Enum's, in Python."""
        self.lists_models: bool = name in {"models", "models.retrieve", "models.show"}
        """Whether the gateway itself may answer, with what it knows of models."""
        self.is_chat: bool = name == "chat.completions"
        self.counts_tokens: bool = name in {"count_tokens", "responses.input_tokens"}
        self.is_cacheable: bool = name in _CACHEABLE
        """Whether an answer may be given again where a config asks for that."""
        self.is_proxy: bool = name == "proxy"
        self.is_session: bool = name in {"realtime", "responses.connect"}
        """Whether a WebSocket is opened. For the hot path: ``operation is Operation.CHAT`` asks Enum's metaclass for
        the member each time."""
        self.has_body: bool = name not in _WITHOUT_BODY and name != "proxy"
        """Whether a request has a body of JSON, or of a form whose fields are read."""
        self.method: bytes = _WITHOUT_BODY.get(name, b"POST")
        """The method with which it is asked for."""
        self.needs_model: bool = not (self.is_session or name.startswith(("images.", "moderations")))
        """Whether a request must name a model. Where it need not, the host has a model that is usual."""
        self.has_text_tokens: bool = name in {"chat.completions", "completions", "responses.compact"}
        """Whether the answer is text, which is counted in tokens."""
        self.answers_bytes: bool = name == "audio.speech"
        """Whether the answer is bytes of any media type, which the caller plays as they come."""
        self.request_type: str = _REQUEST_TYPES.get(name, "proxy")
        """Portkey's name of it, which guards and policies know; a chat's is that of OpenAI's wire (``CHAT_TYPES``).
        ``proxy`` stands for those that have none."""
