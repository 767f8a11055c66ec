"""Stage: the request's headers -> a compiled plan.

Everything that depends only on headers is done once and found again by the raw bytes of those headers: who is calling,
the config, the virtual keys, the hosts, the header block that a provider will get.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from penstock.core.address import AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits
from penstock.core.lru import Lru
from penstock.core.memo import NameMemo
from penstock.core.secret import Secret
from penstock.core.virtual_key import VirtualKey
from penstock.dialects.openai.relay.body import Request, Shape
from penstock.pipeline.authenticate import ANYBODY, KEY_HEADERS, Caller, authenticate, credential
from penstock.pipeline.call import Call
from penstock.providers.endpoint import Endpoint, bind
from penstock.providers.row import OPENAI, Key, Operation, Option, Provider
from penstock.routing.leaf import HeaderSettings, Rules
from penstock.routing.parse import parse
from penstock.routing.plan import Plan, Target
from penstock.stores.base import CatalogueSource
from penstock.stores.catalogue import Catalogue, CatalogueChange

_PREFIX: Final = "x-portkey-"
_GENERAL: Final = frozenset(
    _PREFIX.encode() + name.encode()
    for name in """
    provider config virtual-key custom-host request-timeout forward-headers strict-open-ai-compliance api-key
    """.split()
)
_PER_REQUEST: Final = frozenset(
    _PREFIX.encode() + name.encode()
    for name in """
    trace-id span-id span-name parent-span-id metadata debug cache-force-refresh cache-namespace mode beta
    nitro-mode fetch-integrated-models sensitive-headers gateway-transport models-endpoint provider-responses-proxy
    error-details package-version runtime runtime-version
    """.split()
)
_NOT_YET: Final = tuple(_PREFIX + name for name in ("default-input-guardrails", "default-output-guardrails"))
"""Headers that must not be ignored in silence until they work."""
_PLACEHOLDERS: Final = frozenset({"", "OPENAI_API_KEY", "DUMMY-KEY", "undefined", "null"})
"""What SDKs send for "no key" (docs/portkey.md#placeholder-keys)."""
_NAMING: Final = frozenset({b"x-portkey-provider", b"x-portkey-config", b"x-portkey-virtual-key"})
_LIGHT: Final = 1024
"""Bytes of headers that make an ordinary plan; what was compiled from more counts for more of what is remembered."""
_SAVED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""The name of a saved config, as opposed to JSON."""


class Route(msgspec.Struct, frozen=True):
    """A target made ready for one operation: where it is, what its requests look like, how long they may take.

    ``serial`` tells routes apart as long as the process lives. ``aliased_model`` is the model that an alias (an
    inference profile's ARN, say) stands for; empty when it is unknown.
    """

    target: Target
    provider: Provider
    endpoint: Endpoint
    operation: Operation
    shape: Shape | None
    limits: Limits
    serial: int = msgspec.field(default_factory=itertools.count().__next__)
    aliased_model: str = ""


class CompiledPlan(msgspec.Struct):
    """A plan and, as they are first needed, the routes of its targets."""

    plan: Plan
    caller: Caller = ANYBODY
    routes: dict[tuple[str, Operation], Route | Failure] = msgspec.field(default_factory=dict)


class Compiler:
    """Compile and remember. ``environment_keys`` are the operator's own provider keys by slug, if it lends them, and
    ``environment`` is the gateway's own identity, if it lends that.

    ``default_config`` names the saved config of requests that say nothing about routing.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        policy: AddressPolicy,
        limits: Limits,
        environment_keys: Mapping[str, Secret],
        catalogues: CatalogueSource,
        *,
        environment: Mapping[str, str] | None = None,
        default_config: str = "",
        remembered: int = 4096,
    ) -> None:
        self._providers = providers
        self._policy = policy
        self._limits = limits
        self._environment_keys = environment_keys
        self._environment = environment
        self.catalogues = catalogues
        self._default_config = default_config
        self._remembered = remembered
        self._bare = {
            option.bare_header.encode(): option.name
            for row in providers.values()
            for option in row.options
            if option.bare_header
        }
        self._settings = _settings(providers)
        self._undemanding = frozenset(slug for slug, row in providers.items() if row.key is not Key.REQUIRED)
        self._routing = NameMemo(self._routes)
        self._forget(CatalogueChange())
        catalogues.watch(self._forget)

    def _forget(self, _: CatalogueChange) -> None:
        """What was compiled rests on the catalogue as it was."""
        self._compiled: Lru[tuple[object, ...], CompiledPlan] = Lru(self._remembered)

    def compile(self, call: Call) -> CompiledPlan | Failure:
        """The compiled plan for a call, or the failure to answer with. Takes ``@NAME/`` off the call's model."""
        routing = self._routing
        relevant: tuple[object, ...] = tuple([field for field in call.headers if routing[field[0]]])
        slug = self._slug(call)
        if slug is not None:
            relevant = (*relevant, slug)
        compiled = self._compiled.get(relevant)
        if compiled is None:
            found = self._compile({name: value for name, value in call.headers if routing[name]}, slug)
            if isinstance(found, Failure):
                return found
            compiled = found
            said = sum(len(value) for name, value in call.headers if routing[name])
            self._compiled.put(relevant, compiled, 1 + said // _LIGHT)
        call.withheld = compiled.caller.header
        return compiled

    @property
    def is_guarded(self) -> bool:
        """Whether callers need a gateway key."""
        return bool(self.catalogues.current.keys)

    def parse(self, config: bytes, slug: str | None = None) -> Plan | Failure:
        """The plan for a config by itself, without the headers of a request."""
        return parse(config, HeaderSettings(provider=slug), self._rules(self.catalogues.current, None))

    def _slug(self, call: Call) -> str | None:
        """The virtual key that ``model: "@NAME/model"`` names; the call is left with the model alone."""
        chat = call.chat
        if chat is None or chat.model is None or not chat.model.startswith("@"):
            return None
        name, slash, model = chat.model[1:].partition("/")
        known = name in self.catalogues.current.virtual_keys
        bare = not (call.fields.keys() & _NAMING)
        if not slash or not model or not (known or bare):
            return None
        if known:
            call.chat = Request(chat.body.replaced({"model": msgspec.json.encode(model)}), model, chat.stream)
        return name

    def route(self, compiled: CompiledPlan, target: Target, operation: Operation) -> Route | Failure:
        """The ready route for one of the plan's targets."""
        key = (target.path, operation)
        found = compiled.routes.get(key)
        if found is None:
            found = compiled.routes[key] = self._prepare(target, operation)
        return found

    def _routes(self, name: bytes) -> bool:
        """Whether a header says something about routing."""
        if name.startswith(_PREFIX.encode()):
            return name not in _PER_REQUEST
        return name in KEY_HEADERS or name in self._bare

    def _compile(self, fields: dict[bytes, bytes], slug: str | None) -> CompiledPlan | Failure:
        catalogue = self.catalogues.current
        caller = authenticate(fields, catalogue)
        if isinstance(caller, Failure):
            return caller
        fields.pop(caller.header, None)
        plan = self._plan(fields, slug, caller, catalogue)
        return plan if isinstance(plan, Failure) else CompiledPlan(plan, caller)

    def _plan(
        self, fields: Mapping[bytes, bytes], slug: str | None, caller: Caller, catalogue: Catalogue
    ) -> Plan | Failure:
        for name in _NOT_YET:
            if fields.get(name.encode()):
                return Failure(Kind.INVALID_CONFIG, f"{name} is not available in this release: leave it out.", name)
        given = self._header_settings(fields, slug)
        if isinstance(given, Failure):
            return given
        config: bytes | None = fields.get(b"x-portkey-config", b"").strip() or None
        saved = _saved_name(config)
        if config is None and given.provider is None:
            saved = (caller.key.config if caller.key else None) or self._default_config or None
            if saved is None:
                return _no_provider()
        allowed = caller.key.virtual_keys if caller.key else None
        if saved is not None:
            found = _saved(saved, caller, catalogue)
            if isinstance(found, Failure):
                return found
            config, allowed = found, None
            given = msgspec.structs.replace(given, is_saved=True)
        return parse(config, given, self._rules(catalogue, allowed))

    def _rules(self, catalogue: Catalogue, allowed: frozenset[str] | None) -> Rules:
        return Rules(
            self._providers.keys(),
            self._policy,
            catalogue.virtual_keys,
            allowed,
            self._settings,
            self._undemanding,
        )

    def _header_settings(self, fields: Mapping[bytes, bytes], slug: str | None) -> HeaderSettings | Failure:
        def text(name: str) -> str | None:
            return fields.get(f"{_PREFIX}{name}".encode(), b"").decode("utf-8", "replace").strip() or None

        forward = text("forward-headers")
        names = None if forward is None else tuple(part.strip().lower() for part in forward.split(",") if part.strip())
        if names and "x-portkey-forward-headers" in names:
            message = "forward_headers must not contain the 'x-portkey-forward-headers' header"
            return Failure(Kind.INVALID_CONFIG, f"{message}: take it out.", "x-portkey-forward-headers", message)
        virtual_key = text("virtual-key")
        provider = f"@{virtual_key.removeprefix('@')}" if virtual_key else text("provider")
        return HeaderSettings(
            provider=provider or (None if slug is None else f"@{slug}"),
            authorization=_credential(fields.get(b"authorization", b"")),
            api_key=_credential(fields.get(b"x-portkey-api-key", b"")),
            custom_host=text("custom-host"),
            request_timeout=_milliseconds(text("request-timeout")),
            forward_headers=names,
            strict=fields.get(b"x-portkey-strict-open-ai-compliance") != b"false",
            options=self._options(fields),
        )

    def _options(self, fields: Mapping[bytes, bytes]) -> dict[str, str]:
        options = {}
        for name, value in fields.items():
            key = self._bare.get(name)
            if key is None and name.startswith(b"x-portkey-") and name not in _GENERAL:
                key = name.decode("latin-1").removeprefix(_PREFIX).replace("-", "_")
            if key is not None:
                options[key] = value.decode("utf-8", "replace").strip()
        return options

    def _prepare(self, target: Target, operation: Operation) -> Route | Failure:
        row = self._providers[target.provider]
        endpoint = bind(
            row,
            operation,
            key=target.api_key,
            lent_key=self._environment_keys.get(target.provider),
            environment=self._environment,
            options={option.name: value for option in row.options if (value := _option(option, target.options))},
            custom_host=target.custom_host,
        )
        if isinstance(endpoint, Failure):
            return endpoint
        overrides = dict(target.override_params)
        if endpoint.model is not None:
            overrides["model"] = msgspec.json.encode(endpoint.model)
        shape = msgspec.structs.replace(
            row.renames_and_drops(),
            defaults=target.default_params,
            overrides=overrides,
            # A dialect of its own has its own way with roles.
            developer_role=row.developer_role or (row.dialect != OPENAI and not row.model_routes),
            removes=target.drop_params,
        )
        return Route(target, row, endpoint, operation, None if shape.is_plain else shape, self._limits_for(target))

    def _limits_for(self, target: Target) -> Limits:
        own, timeouts = self._limits, target.timeouts
        timeout = target.request_timeout
        return Limits(
            own.connect if timeouts.connect is None else timeouts.connect,
            own.first_byte if timeout is None else timeout / 1000,
            own.idle if timeouts.idle is None else timeouts.idle,
            own.total,
        )


def judge(
    providers: Mapping[str, Provider], policy: AddressPolicy
) -> Callable[[bytes, Mapping[str, VirtualKey]], str | None]:
    """Says of a config, beside the virtual keys that it may name, why it can't be used; None when it can."""

    def why(config: bytes, virtual_keys: Mapping[str, VirtualKey]) -> str | None:
        rules = Rules(providers.keys(), policy, virtual_keys, None, _settings(providers))
        plan = parse(config, HeaderSettings(), rules)
        # A config without a provider takes the caller's.
        if isinstance(plan, Failure) and plan.kind is not Kind.MISSING_PROVIDER:
            return plan.message
        return None

    return why


def _settings(providers: Mapping[str, Provider]) -> frozenset[str]:
    """The names of all providers' own settings, as configs may spell them."""
    return frozenset(
        name
        for row in providers.values()
        for option in row.options
        for name in (option.name, option.header.replace("-", "_"), *option.config_keys)
    )


def _option(option: Option, given: Mapping[str, str]) -> str | None:
    for name in (option.name, option.header.replace("-", "_"), *option.config_keys):
        if given.get(name):
            return given[name]
    return None


def _credential(value: bytes) -> Secret | None:
    text = credential(value)
    return None if text in _PLACEHOLDERS else Secret(text)


def _saved_name(config: bytes | None) -> str | None:
    """The name of a saved config, when that is what the header holds."""
    text = (config or b"").decode("utf-8", "replace")
    return text if _SAVED.fullmatch(text) and text not in {"null", "true", "false"} else None


def _saved(name: str, caller: Caller, catalogue: Catalogue) -> bytes | Failure:
    """The saved config of a name, if the caller may use it."""
    config = catalogue.configs.get(name)
    if config is None:
        near = difflib.get_close_matches(name, catalogue.configs, 1)
        hint = f"did you mean '{near[0]}'?" if near else "saved configs are set in penstock.toml, [configs.NAME]."
        plain = "Invalid config passed. You need to pass a valid json"
        return Failure(Kind.UNKNOWN_CONFIG, f"There is no config '{name[:64]}': {hint}", "x-portkey-config", plain)
    if caller.key is not None and caller.key.configs is not None and config.name not in caller.key.configs:
        text = f"Your gateway key may not use the config '{config.name}': ask the operator of the gateway."
        return Failure(Kind.NOT_ALLOWED, text, "x-portkey-config")
    return config.body


def _no_provider() -> Failure:
    return Failure(
        Kind.MISSING_PROVIDER,
        "The request names no provider: send the header x-portkey-provider (for example openai, or echo to try "
        "the gateway without a key) or x-portkey-config.",
        param="x-portkey-provider",
        plain="Either x-portkey-config or x-portkey-provider header is required",
    )


def _milliseconds(text: str | None) -> float | None:
    """JavaScript's idea of a number, as the reference reads it: what is none, and zero, are no limit
    (docs/portkey.md#request-timeout)."""
    try:
        value = float(text or 0)
    except ValueError:
        return None
    return value if value and math.isfinite(value) else None
