"""The shape of one provider: address, credential, paths and what it refuses.

A provider that speaks a known dialect is one value of this type and nothing else. A quirk carries its reason and a
link beside it; docs/providers.md is generated from the rows, and the row suite runs over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final

import msgspec

from penstock.auth.header import BEARER, HeaderAuth
from penstock.auth.signer import Signer
from penstock.core.body import Body
from penstock.core.failure import Failure
from penstock.core.http import Url
from penstock.core.secret import Secret
from penstock.dialects.chat_quirks import ThinkingControl
from penstock.dialects.openai.relay.body import Shape

OPENAI: Final = "openai_chat"
"""The dialect that callers speak: what a provider says in it goes through untouched."""


class Operation(Enum):
    """What a caller asks a provider to do. The value names it in messages and logs."""

    CHAT = "chat.completions"
    MODELS = "models"


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


HTTPS_URL: Final = r"https://[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+(/[A-Za-z0-9._~%/-]*)?"
"""Pattern of a base URL: public scheme, a host name, perhaps a path; no user, port or query."""


class Rename(msgspec.Struct, frozen=True):
    """The provider knows the parameter under another name."""

    parameter: str
    to: str
    reason: str
    link: str


class Drop(msgspec.Struct, frozen=True):
    """The provider answers with an error when the parameter is present; it is left out and named to the caller."""

    parameter: str
    reason: str
    link: str


class EndpointSpec(msgspec.Struct, frozen=True):
    """Where a host serves an operation, and in which dialect.

    ``model`` is what the host wants to read as ``model`` in the body, whatever the caller wrote there. ``stream_path``
    is where streams are asked for, when that is elsewhere. ``variant`` tells hosts of one dialect apart whose bodies
    differ. ``auth`` is how this place takes the key, None for the row's way. ``headers`` may hold ``{option}``.
    """

    path: str
    model: str | None = None
    stream_path: str | None = None
    dialect: str = OPENAI
    variant: str = ""
    auth: HeaderAuth | None = None
    headers: tuple[tuple[str, str], ...] = ()


class ModelRouteSpec(msgspec.Struct, frozen=True):
    """Models of one host that are served elsewhere on it, or speak another dialect, told by how their names begin.

    The host gets ``becomes`` in place of the ``prefix``; None leaves the name as it is. ``like`` is the provider whose
    way with OpenAI's dialect they keep here, too.
    """

    prefix: str
    spec: EndpointSpec
    becomes: str | None = ""
    like: Provider | None = None


Locate = Callable[[Mapping[str, str], Operation], EndpointSpec | None]
"""(options with defaults filled in, operation) -> its place, or None when the operation is not served."""

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


CHAT_ONLY: Final = {Operation.CHAT: "/chat/completions"}
PATHS: Final = {**CHAT_ONLY, Operation.MODELS: "/models"}
V1_PATHS: Final = {operation: "/v1" + path for operation, path in PATHS.items()}


class Provider(msgspec.Struct, frozen=True):
    """One row.

    A caller's custom host replaces ``base_url``; ``paths`` are appended to either. Both may hold ``{option}``
    placeholders and paths ``{model}``; values are percent-encoded, and a query parameter whose option has no value is
    left out. ``base_url`` is empty for providers that have none of their own (a custom host is then required).
    ``env`` are the environment variables that usually hold the key, first found wins. ``locate`` stands in for
    ``paths`` where a path depends on an option.
    """

    slug: str
    name: str
    base_url: str
    docs: str
    dialect: str = OPENAI
    paths: Mapping[Operation, str] = msgspec.field(default_factory=lambda: PATHS)
    auth: HeaderAuth = BEARER
    key: Key = Key.REQUIRED
    env: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    renames: tuple[Rename, ...] = ()
    drops: tuple[Drop, ...] = ()
    developer_role: bool = False
    """False: messages of role ``developer`` are sent as ``system``, the name that hosts other than OpenAI know."""
    model_in_path: bool = False
    """True: the request needs no ``model`` (the deployment in the path names it)."""
    locate: Locate | None = None
    stream_paths: Mapping[Operation, str] = {}
    """Where streams are asked for, when that is elsewhere."""
    variant: str = ""
    model_routes: tuple[ModelRouteSpec, ...] = ()
    sign: Sign | None = None
    normalizes_replies: bool = False
    """True: its replies deviate from OpenAI's schema in ways that clients stumble over, and are mended."""
    adapts_request: Callable[[Body], Body] | None = None
    """Puts a request of OpenAI's dialect as this host takes it."""
    applies_model_limits: bool = False
    """True: what one of its models is known to refuse (``traits``) is renamed or left out, and named to the caller."""
    effort: ThinkingControl | None = None
    """How the host is told how much to think, where ``applies_model_limits``; None: ``reasoning_effort`` as given."""
    keeps_reasoning: bool = False
    """True: a gateway that passes every maker's opaque reasoning on to its own maker (``reasoning_details``)."""
    derived: Mapping[str, Derive] = {}
    """Options that follow from others when they aren't given, and placeholders that are no options."""
    profiles: Profiles | None = None
    notes: str = ""

    def renames_and_drops(self) -> Shape:
        """What it calls otherwise or refuses, in OpenAI's dialect."""
        renames = {rename.parameter: rename.to for rename in self.renames}
        return Shape(renames=renames, drops=frozenset(drop.parameter for drop in self.drops))
