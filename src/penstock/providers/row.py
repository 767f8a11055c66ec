"""The shape of one provider: address, credential, the places of its operations, its quirks.

A provider that speaks a known dialect is one value of this type and nothing else. A row serves exactly the operations
that it lists, each in one wire or several. A quirk carries its reason and a link beside it; docs/providers.md is
generated from the rows, and the row suite runs over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final

import msgspec

from penstock.auth.header import BEARER, HeaderAuth
from penstock.auth.signer import Signer
from penstock.core.failure import Failure
from penstock.core.http import Url
from penstock.core.operation import Operation
from penstock.core.secret import Secret
from penstock.dialects.chat_quirks import NO_QUIRKS, ChatQuirks

OPENAI: Final = "openai_chat"
"""OpenAI's wire, of every operation: chat completions, embeddings, models."""
ANTHROPIC_WIRE: Final = "anthropic"
"""Anthropic's wire: messages, and the count of their tokens."""
RESPONSES_WIRE: Final = "responses"
"""OpenAI's Responses: making one, and all that is asked of one that is kept."""


class Key(Enum):
    """Whether a provider wants a credential."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"


class Option(msgspec.Struct, frozen=True):
    """A provider-specific setting, from header ``x-portkey-<header>`` or a config key
    (docs/portkey.md#provider-settings).

    ``pattern`` must match the whole value where it ends up in a host name or path, so that no value can name
    another host. ``upstream_header`` sends the value to the provider under that header.
    """

    name: str
    header: str
    config_keys: tuple[str, ...] = ()
    required: bool = False
    pattern: str | None = None
    default: str | None = None
    upstream_header: str | None = None
    bare_header: str | None = None
    """The same setting is also read from this header without the x-portkey- prefix."""
    secret: bool = False
    credential: HeaderAuth | None = None
    """The value is a credential, shown this way in place of the key."""
    names_host: bool = False
    """The value is a base URL of the caller's choice: it is as little trusted as a custom host."""
    names_account: bool = False
    """The value names an account in the provider's host: an operator's key goes only to the operator's account."""
    names_model: bool = False
    """The value chooses the model, whatever the request's body says."""
    env: tuple[str, ...] = ()
    """Environment variables in which the operator usually has the value; a URL stands for the part that the option
    means. First found wins."""


HTTPS_URL: Final = r"https://[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+(/[A-Za-z0-9._~%/-]*)?"
"""Pattern of a base URL: public scheme, a host name, perhaps a path; no user, port or query."""


class EndpointSpec(msgspec.Struct, frozen=True):
    """One place: where a host serves an operation, and in which wire (``dialect``).

    ``path`` is appended to ``base_url``, which is the row's base URL where it is None, and to a caller's custom host in
    place of either. Both may hold ``{option}``; a path may also hold ``{model}``, ``{id}``, ``{operation}`` and
    ``{version}``, filled by each request.
    ``stream_path`` is where streams are asked for, when that is elsewhere. ``variant`` tells hosts of one dialect apart
    whose bodies differ. ``model`` is what the host wants to read as ``model`` in the body, whatever the caller wrote
    there. ``models`` are parts of names, ``("claude",)``: the place serves only models whose names contain one of them;
    empty for all models. ``auth`` is how the place takes the key, None for the row's way. ``headers`` may hold
    ``{option}``. ``quirks`` are the place's own; None: the row's for chats, none for other operations.
    """

    path: str
    model: str | None = None
    stream_path: str | None = None
    dialect: str = OPENAI
    variant: str = ""
    auth: HeaderAuth | None = None
    headers: tuple[tuple[str, str], ...] = ()
    base_url: str | None = None
    models: tuple[str, ...] = ()
    quirks: ChatQuirks | None = None


Places = Mapping[Operation, tuple[EndpointSpec, ...]]
"""The places of each operation that a row serves, in order of preference: the first is asked by callers of wires that
none of them speaks."""

PATHS: Final[Mapping[Operation, str]] = {
    Operation.CHAT: "/chat/completions",
    Operation.EMBEDDINGS: "/embeddings",
    Operation.MODELS: "/models",
    Operation.MODEL: "/models/{id}",
    Operation.COMPLETIONS: "/completions",
    Operation.IMAGES: "/images/generations",
    Operation.IMAGE_EDITS: "/images/edits",
    Operation.IMAGE_VARIATIONS: "/images/variations",
    Operation.SPEECH: "/audio/speech",
    Operation.TRANSCRIPTIONS: "/audio/transcriptions",
    Operation.TRANSLATIONS: "/audio/translations",
    Operation.MODERATIONS: "/moderations",
    Operation.RERANK: "/rerank",
    Operation.REALTIME: "/realtime",
}
"""The usual paths of OpenAI's wire. Source: OpenAI API reference."""


def usual_place(operation: Operation, parent: str = "") -> EndpointSpec:
    """The usual place of an operation in OpenAI's wire."""
    return EndpointSpec(parent + PATHS[operation])


AUDIO: Final = (Operation.SPEECH, Operation.TRANSCRIPTIONS, Operation.TRANSLATIONS)
"""Speech, and what is heard of it, in its language or in English."""


def chat_only(
    *more: Operation, parent: str = "", messages: EndpointSpec | None = None, responses: EndpointSpec | None = None
) -> Places:
    """The places of a host of OpenAI's wire: chat and ``more`` at their usual paths below ``parent``.

    ``messages`` is where the host also takes chats in Anthropic's wire, ``responses`` where it serves Responses.
    """
    places: dict[Operation, tuple[EndpointSpec, ...]] = {
        operation: (usual_place(operation, parent),) for operation in (Operation.CHAT, *more)
    }
    places[Operation.CHAT] += tuple([spec for spec in (messages, responses) if spec is not None])
    return places


def chat_and_models(
    *more: Operation, parent: str = "", messages: EndpointSpec | None = None, responses: EndpointSpec | None = None
) -> Places:
    """The places of a host of OpenAI's wire that lists its models, too."""
    return chat_only(Operation.MODELS, *more, parent=parent, messages=messages, responses=responses)


def messages_at(
    path: str, *, base_url: str | None = None, auth: HeaderAuth | None = None, models: tuple[str, ...] = ()
) -> EndpointSpec:
    """A place of Anthropic's wire on a host that isn't Anthropic's. Source of the version, the only one that there is:
    https://docs.anthropic.com/en/api/versioning"""
    version = (("anthropic-version", "2023-06-01"),)
    return EndpointSpec(path, dialect=ANTHROPIC_WIRE, auth=auth, headers=version, base_url=base_url, models=models)


def resources(*names: str, parent: str = "") -> Mapping[str, str]:
    """What a host keeps for its callers at the usual paths of OpenAI's wire below ``parent``: ``/files``."""
    return {name: f"{parent}/{name}" for name in names}


def responses_at(path: str = "/responses", *, base_url: str | None = None, model: str | None = None) -> EndpointSpec:
    """A place where Responses are made. A host's quirks are those of its chats, and don't count here."""
    return EndpointSpec(path, model, dialect=RESPONSES_WIRE, base_url=base_url, quirks=NO_QUIRKS)


_OF_RESPONSES: Final[Mapping[Operation, str]] = {
    Operation.RESPONSE_SESSION: "",
    Operation.RESPONSE: "/{id}",
    Operation.RESPONSE_DELETE: "/{id}",
    Operation.RESPONSE_CANCEL: "/{id}/cancel",
    Operation.RESPONSE_ITEMS: "/{id}/input_items",
    Operation.RESPONSE_COMPACT: "/compact",
    Operation.RESPONSE_TOKENS: "/input_tokens",
}
"""What can be asked of responses that are kept, and beside them. Source: OpenAI API reference, "Responses"."""
KEPT: Final = tuple([operation for operation in _OF_RESPONSES if operation is not Operation.RESPONSE_SESSION])
"""All operations beside making a response, but for sessions, which few hosts have."""


def kept_responses(*operations: Operation, parent: str = "/responses") -> Places:
    """The places of a host that keeps responses: what can be asked of them, at the usual paths below ``parent``."""
    return {operation: (responses_at(parent + _OF_RESPONSES[operation]),) for operation in operations}


class ModelRouteSpec(msgspec.Struct, frozen=True):
    """Models of one host whose chats are served elsewhere on it, or in another wire, told by how their names begin.

    The host gets ``becomes`` in place of the ``prefix``; None leaves the name as it is.
    """

    prefix: str
    spec: EndpointSpec
    becomes: str | None = ""


Locate = Callable[[Mapping[str, str], Operation], tuple[EndpointSpec, ...]]
"""(options with defaults filled in, operation) -> its places as in ``Places``; empty: the operation is not served."""

Derive = Callable[[Mapping[str, str]], str | None]
"""The options with defaults filled in -> a value, or None when it doesn't follow from them."""

Sign = Callable[[Mapping[str, str], Secret | None, Mapping[str, str] | None], Signer | Failure | None]
"""(options, key, the operator's environment if the gateway lends its identity) -> who signs requests; None when the key
is shown in a header."""


class Profiles(msgspec.Struct, frozen=True):
    """How a host tells the model behind a name that doesn't say it.

    ``where_told``: (name, options) -> where to ask with GET, None for a name that says it. ``model_in``: the body of
    the answer -> the model's name, empty when none is told.
    """

    where_told: Callable[[str, Mapping[str, str]], Url | None]
    model_in: Callable[[bytes], str]


class Provider(msgspec.Struct, frozen=True):
    """One row.

    A caller's custom host replaces ``base_url``; the paths of ``places`` are appended to either. All may hold
    ``{option}`` placeholders; values are percent-encoded, and a query parameter whose option has no value is left out.
    ``base_url`` is empty for providers that have none of their own (a custom host is then required). ``env`` are the
    environment variables that usually hold the key, first found wins. ``locate`` stands in for ``places`` where a place
    depends on an option.
    """

    slug: str
    name: str
    base_url: str
    docs: str
    places: Places = {}
    auth: HeaderAuth = BEARER
    key: Key = Key.REQUIRED
    env: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    quirks: ChatQuirks = NO_QUIRKS
    model_in_path: bool = False
    """True: the request needs no ``model`` (the deployment in the path names it)."""
    locate: Locate | None = None
    model_routes: tuple[ModelRouteSpec, ...] = ()
    self_hosted: bool = False
    """True: a server program that callers run themselves, so that a custom host serves all of its places."""
    sign: Sign | None = None
    derived: Mapping[str, Derive] = {}
    """Options that follow from others when they aren't given, and placeholders that are no options."""
    profiles: Profiles | None = None
    resources: Mapping[str, str] = {}
    """What the host keeps for its callers, such as files, and the path that each is at (``with_resources``)."""
    proxied: Callable[[Mapping[str, str]], EndpointSpec] | None = None
    """(options with defaults filled in) -> where paths that pass as they are begin; None: at the base URL."""
    notes: str = ""

    @property
    def is_local(self) -> bool:
        """Whether the provider's own address is on the gateway's machine."""
        return self.base_url.startswith("http://localhost")

    def places_of(self, operation: Operation, options: Mapping[str, str]) -> tuple[EndpointSpec, ...]:
        """Where an operation is served, with these options (defaults filled in); empty: it is not."""
        if operation is Operation.PROXY:
            return (EndpointSpec("") if self.proxied is None else self.proxied(options),)
        return self.places.get(operation, ()) if self.locate is None else self.locate(options, operation)
