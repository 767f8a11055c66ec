"""Expected failures as values, and the one table that says what each kind means to a caller.

A ``Failure`` is returned, never raised: exceptions are for bugs and cancellation. Everything that a caller
sees of a failure (HTTP status, OpenAI error ``type`` and ``code``, whose fault it is) is looked up here and
nowhere else; the dialects turn the value into bytes. Kinds are documented in docs/errors.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

import msgspec


class Blame(Enum):
    """Whose fault a failure is."""

    CLIENT = "client"
    GATEWAY = "gateway"
    PROVIDER = "provider"


class RetrySafety(Enum):
    """When another attempt at the same target is safe."""

    NEVER = "never"
    """The same request would fail again."""
    UNSENT = "unsent"
    """No byte of the request left this machine: always safe."""
    POLICY = "policy"
    """The provider may have received the request: only as the caller's retry policy allows."""


class Kind(Enum):
    """What went wrong. The value is the ``code`` of the OpenAI error object."""

    INVALID_JSON = "invalid_json"
    INVALID_REQUEST = "invalid_request"
    INVALID_CONTENT_TYPE = "invalid_content_type"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    INVALID_CONFIG = "invalid_config"
    MISSING_PROVIDER = "missing_provider"
    UNKNOWN_PROVIDER = "unknown_provider"
    INVALID_CUSTOM_HOST = "invalid_custom_host"
    MISSING_API_KEY = "missing_api_key"
    CREDENTIAL_REFUSED = "credential_refused"
    TOKEN_UNAVAILABLE = "token_unavailable"  # noqa: S105 (the name of a failure)
    INVALID_GATEWAY_KEY = "invalid_gateway_key"
    NOT_ALLOWED = "not_allowed"
    MODEL_NOT_ALLOWED = "model_not_allowed"
    UNKNOWN_VIRTUAL_KEY = "unknown_virtual_key"
    VIRTUAL_KEY_EXPIRED = "virtual_key_expired"
    VIRTUAL_KEY_DISABLED = "virtual_key_disabled"
    UNKNOWN_CONFIG = "unknown_config"
    NO_MATCHING_TARGET = "no_matching_target"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    TARGET_GONE = "target_gone"
    UNSUPPORTED_OPERATION = "unsupported_operation"
    NOT_INSTALLED = "not_installed"
    NOT_IMPLEMENTED = "not_implemented"
    NOT_FOUND = "not_found"
    MODEL_NOT_FOUND = "model_not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    BODY_TOO_LARGE = "body_too_large"
    BODY_TIMEOUT = "body_timeout"
    BODIES_EXHAUSTED = "bodies_exhausted"
    CONNECTIONS_EXHAUSTED = "connections_exhausted"
    BUDGET_EXCEEDED = "budget_exceeded"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    LIMIT_UNDECIDED = "limit_undecided"
    BUDGET_STORE_UNAVAILABLE = "budget_store_unavailable"
    STORE_UNAVAILABLE = "store_unavailable"
    CLIENT_DISCONNECTED = "client_disconnected"
    LOOP_DETECTED = "loop_detected"
    HOOKS_FAILED = "hooks_failed"
    GUARDRAIL_DENIED = "guardrail_denied"
    ADDRESS_REFUSED = "address_refused"
    HOST_UNAVAILABLE = "host_unavailable"
    NAME_NOT_RESOLVED = "name_not_resolved"
    CONNECTION_REFUSED = "connection_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS_FAILED = "tls_failed"
    PROXY_FAILED = "proxy_failed"
    POOL_EXHAUSTED = "pool_exhausted"
    OUT_OF_FILES = "out_of_files"
    CONNECTION_CLOSED = "connection_closed"
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    FIRST_TOKEN_TIMEOUT = "first_token_timeout"  # noqa: S105 (a token of text)
    IDLE_TIMEOUT = "idle_timeout"
    TOTAL_TIMEOUT = "total_timeout"
    INVALID_RESPONSE = "invalid_response"
    TRUNCATED = "upstream_truncated"
    STREAM_ERROR = "upstream_stream_error"
    UPSTREAM_STATUS = "upstream_status"
    UPSTREAM_REDIRECT = "upstream_redirect"
    SHUTTING_DOWN = "shutting_down"
    INTERNAL = "internal_error"


class Meaning(msgspec.Struct, frozen=True):
    """One row of the table: how a kind of failure is told to the caller."""

    status: int
    type: str
    blame: Blame
    retry: RetrySafety


_BAD_REQUEST: Final = "invalid_request_error"
_UPSTREAM: Final = "upstream_error"
_TIMEOUT: Final = "timeout_error"

MEANINGS: Final[dict[Kind, Meaning]] = {
    Kind.INVALID_JSON: Meaning(400, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.INVALID_REQUEST: Meaning(400, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.INVALID_CONTENT_TYPE: Meaning(400, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.UNSUPPORTED_ENCODING: Meaning(415, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.INVALID_CONFIG: Meaning(400, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.MISSING_PROVIDER: Meaning(400, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.UNKNOWN_PROVIDER: Meaning(400, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.INVALID_CUSTOM_HOST: Meaning(400, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.MISSING_API_KEY: Meaning(401, "authentication_error", Blame.CLIENT, RetrySafety.NEVER),
    Kind.CREDENTIAL_REFUSED: Meaning(401, "authentication_error", Blame.CLIENT, RetrySafety.NEVER),
    Kind.TOKEN_UNAVAILABLE: Meaning(503, _UPSTREAM, Blame.PROVIDER, RetrySafety.UNSENT),
    Kind.INVALID_GATEWAY_KEY: Meaning(401, "authentication_error", Blame.CLIENT, RetrySafety.NEVER),
    Kind.NOT_ALLOWED: Meaning(403, "permission_error", Blame.CLIENT, RetrySafety.NEVER),
    Kind.MODEL_NOT_ALLOWED: Meaning(412, "model_not_allowed_error", Blame.CLIENT, RetrySafety.NEVER),
    Kind.UNKNOWN_VIRTUAL_KEY: Meaning(400, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.VIRTUAL_KEY_EXPIRED: Meaning(401, "virtual_key_expired_error", Blame.CLIENT, RetrySafety.NEVER),
    Kind.VIRTUAL_KEY_DISABLED: Meaning(403, "virtual_key_disabled_error", Blame.CLIENT, RetrySafety.NEVER),
    Kind.UNKNOWN_CONFIG: Meaning(400, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.NO_MATCHING_TARGET: Meaning(400, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.IDEMPOTENCY_CONFLICT: Meaning(409, "conflict_error", Blame.CLIENT, RetrySafety.NEVER),
    Kind.TARGET_GONE: Meaning(409, "conflict_error", Blame.CLIENT, RetrySafety.NEVER),
    Kind.UNSUPPORTED_OPERATION: Meaning(400, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.NOT_INSTALLED: Meaning(501, "server_error", Blame.GATEWAY, RetrySafety.NEVER),
    Kind.NOT_IMPLEMENTED: Meaning(501, "not_implemented_error", Blame.GATEWAY, RetrySafety.NEVER),
    Kind.NOT_FOUND: Meaning(404, "not_found_error", Blame.CLIENT, RetrySafety.NEVER),
    Kind.MODEL_NOT_FOUND: Meaning(404, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.METHOD_NOT_ALLOWED: Meaning(405, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.BODY_TOO_LARGE: Meaning(413, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.BODY_TIMEOUT: Meaning(408, _TIMEOUT, Blame.CLIENT, RetrySafety.NEVER),
    Kind.BODIES_EXHAUSTED: Meaning(503, "overloaded_error", Blame.GATEWAY, RetrySafety.UNSENT),
    Kind.CONNECTIONS_EXHAUSTED: Meaning(503, "overloaded_error", Blame.GATEWAY, RetrySafety.UNSENT),
    Kind.BUDGET_EXCEEDED: Meaning(412, "insufficient_quota", Blame.CLIENT, RetrySafety.NEVER),
    Kind.RATE_LIMIT_EXCEEDED: Meaning(429, "rate_limit_error", Blame.CLIENT, RetrySafety.NEVER),
    Kind.LIMIT_UNDECIDED: Meaning(400, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.BUDGET_STORE_UNAVAILABLE: Meaning(503, "budget_store_unavailable", Blame.GATEWAY, RetrySafety.NEVER),
    Kind.STORE_UNAVAILABLE: Meaning(503, "server_error", Blame.GATEWAY, RetrySafety.UNSENT),
    Kind.CLIENT_DISCONNECTED: Meaning(499, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.LOOP_DETECTED: Meaning(508, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.HOOKS_FAILED: Meaning(446, "hooks_failed", Blame.CLIENT, RetrySafety.NEVER),
    Kind.GUARDRAIL_DENIED: Meaning(400, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.ADDRESS_REFUSED: Meaning(400, _BAD_REQUEST, Blame.CLIENT, RetrySafety.NEVER),
    Kind.HOST_UNAVAILABLE: Meaning(502, _UPSTREAM, Blame.PROVIDER, RetrySafety.UNSENT),
    Kind.NAME_NOT_RESOLVED: Meaning(502, _UPSTREAM, Blame.PROVIDER, RetrySafety.UNSENT),
    Kind.CONNECTION_REFUSED: Meaning(502, _UPSTREAM, Blame.PROVIDER, RetrySafety.UNSENT),
    Kind.CONNECT_TIMEOUT: Meaning(503, _TIMEOUT, Blame.PROVIDER, RetrySafety.UNSENT),
    Kind.TLS_FAILED: Meaning(502, _UPSTREAM, Blame.PROVIDER, RetrySafety.UNSENT),
    Kind.PROXY_FAILED: Meaning(502, _UPSTREAM, Blame.GATEWAY, RetrySafety.UNSENT),
    Kind.POOL_EXHAUSTED: Meaning(503, "overloaded_error", Blame.GATEWAY, RetrySafety.UNSENT),
    Kind.OUT_OF_FILES: Meaning(503, "overloaded_error", Blame.GATEWAY, RetrySafety.NEVER),
    Kind.CONNECTION_CLOSED: Meaning(502, _UPSTREAM, Blame.PROVIDER, RetrySafety.POLICY),
    Kind.FIRST_BYTE_TIMEOUT: Meaning(408, _TIMEOUT, Blame.PROVIDER, RetrySafety.POLICY),
    Kind.FIRST_TOKEN_TIMEOUT: Meaning(408, _TIMEOUT, Blame.PROVIDER, RetrySafety.POLICY),
    Kind.IDLE_TIMEOUT: Meaning(408, _TIMEOUT, Blame.PROVIDER, RetrySafety.POLICY),
    Kind.TOTAL_TIMEOUT: Meaning(408, _TIMEOUT, Blame.PROVIDER, RetrySafety.NEVER),
    Kind.INVALID_RESPONSE: Meaning(502, _UPSTREAM, Blame.PROVIDER, RetrySafety.POLICY),
    Kind.TRUNCATED: Meaning(502, _UPSTREAM, Blame.PROVIDER, RetrySafety.POLICY),
    Kind.STREAM_ERROR: Meaning(502, _UPSTREAM, Blame.PROVIDER, RetrySafety.POLICY),
    Kind.UPSTREAM_STATUS: Meaning(502, _UPSTREAM, Blame.PROVIDER, RetrySafety.POLICY),
    Kind.UPSTREAM_REDIRECT: Meaning(502, _UPSTREAM, Blame.PROVIDER, RetrySafety.NEVER),
    Kind.SHUTTING_DOWN: Meaning(503, "overloaded_error", Blame.GATEWAY, RetrySafety.UNSENT),
    Kind.INTERNAL: Meaning(500, "server_error", Blame.GATEWAY, RetrySafety.NEVER),
}

_BLAMES: Final = {kind.value: meaning.blame for kind, meaning in MEANINGS.items()}
_OF_REQUEST: Final = frozenset({400, 404, 405, 406, 410, 411, 413, 414, 415, 416, 422, 431})
"""Statuses with which a provider says that the request is wrong, whoever sends it and when."""


def blame_of(code: str, status: int) -> Blame | None:
    """Whose fault a failed request is. ``code`` is the value of its kind, ``status`` what the caller was answered; None
    for a code of no kind."""
    if code == Kind.UPSTREAM_STATUS.value and status in _OF_REQUEST:
        return Blame.CLIENT
    return _BLAMES.get(code)


@dataclass(frozen=True, slots=True)
class Failure:
    """One expected failure. A plain class: most stages ask whether they got one, and ``isinstance`` with a ``Struct``
    costs three times as much.

    ``message`` is a full sentence for the caller: what went wrong, where, what to do; it never holds a secret.
    ``param`` is the request field or config path at fault. ``plain`` is the text that Portkey's clients know
    for this failure where Portkey has one (docs/portkey.md#config-errors); it is sent beside the error object.
    ``sent`` tells whether any byte of the request was handed to the kernel for the provider. ``parts`` are the failures
    that ``message`` tells together, this one's own first among them; empty where there is one alone. ``code`` is
    Portkey's number for the failure, in place of the kind's name (docs/control-plane.md#what-a-key-demands).
    """

    kind: Kind
    message: str
    param: str | None = None
    plain: str | None = None
    details: tuple[str, ...] = ()
    sent: bool = False
    parts: tuple[Failure, ...] = ()
    code: str | None = None

    @property
    def meaning(self) -> Meaning:
        return MEANINGS[self.kind]

    @property
    def status(self) -> int:
        return MEANINGS[self.kind].status


@dataclass(frozen=True, slots=True)
class LimitFailure(Failure):
    """A request that a limit of the operator's refuses (docs/limits.md#refusals).

    The limit chooses status and type; ``penstock`` are the members of ``error.penstock``: numbers of the limit.
    ``headers`` are response headers, names in lower case.
    """

    limit_status: int = 0
    limit_type: str = ""
    penstock: Mapping[str, Any] = field(default_factory=dict)
    headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def meaning(self) -> Meaning:
        usual = MEANINGS[self.kind]
        return Meaning(self.limit_status, self.limit_type, usual.blame, usual.retry)

    @property
    def status(self) -> int:
        return self.limit_status
