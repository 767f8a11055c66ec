"""Stage: the request's headers -> a compiled plan, and whether this caller may use it.

Work that depends only on headers (the config, the virtual keys, the hosts, a provider's header block) is done once and
remembered by the raw bytes of the headers. A remembered plan doesn't contain the caller's gateway key; permissions are
checked for each request.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from penstock.core.address import AddressPolicy
from penstock.core.did_you_mean import hint
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits
from penstock.core.json_text import write_json
from penstock.core.lru import Lru
from penstock.core.memo import NameMemo
from penstock.core.secret import Secret
from penstock.core.virtual_key import VirtualKey
from penstock.dialects.caller import RequestBody
from penstock.pipeline.authenticate import KEY_HEADERS, credential
from penstock.pipeline.call import Call
from penstock.pipeline.off_loop import off_loop
from penstock.pipeline.target_route import TargetBinder, TargetRoute
from penstock.providers.row import Key, Operation, Provider
from penstock.routing.leaf import HeaderSettings, Rules
from penstock.routing.parse import parse
from penstock.routing.plan import Plan, Target, leaves
from penstock.stores.base import CatalogueSource
from penstock.stores.catalogue import Catalogue, CatalogueChange, GatewayKey, SavedConfig

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
"""Headers that the gateway doesn't support yet: a request with one of them is refused."""
_PLACEHOLDERS: Final = frozenset({"", "OPENAI_API_KEY", "DUMMY-KEY", "undefined", "null"})
"""What SDKs send for "no key" (docs/portkey.md#placeholder-keys)."""
_NAMING: Final = frozenset({b"x-portkey-provider", b"x-portkey-config", b"x-portkey-virtual-key"})
_LIGHT: Final = 1024
"""Bytes of headers of an ordinary plan; a plan from more bytes weighs more in the memory of plans."""
_PRIVATE_KEY: Final = "PRIVATE KEY"
"""What the PEM of a private key says of itself."""
_SAVED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""The name of a saved config, as opposed to JSON."""


class CompiledPlan(msgspec.Struct):
    """A plan, and the routes of its targets, each built on first use.

    ``config`` is the name of the saved config that the plan comes from, None if the caller sent the config.
    ``named_keys`` are the virtual keys that the caller names, each with the path of its target
    (``("team-a", "config.targets[0]")``); virtual keys in a saved config are the operator's and not listed.
    ``virtual_keys`` and ``configs`` are the names of the catalogue that the plan depends on.
    """

    plan: Plan
    config: str | None = None
    named_keys: tuple[tuple[str, str], ...] = ()
    virtual_keys: frozenset[str] = frozenset()
    configs: frozenset[str] = frozenset()
    routes: dict[tuple[str, Operation], TargetRoute | Failure] = msgspec.field(default_factory=dict)

    def rests_on(self, change: CatalogueChange) -> bool:
        """Whether a change of the catalogue may change the plan."""
        return not (self.virtual_keys.isdisjoint(change.virtual_keys) and self.configs.isdisjoint(change.configs))


class Compiler:
    """Compiles plans and remembers them. ``environment_keys`` are the operator's provider keys by slug, ``environment``
    is the gateway's own identity; both are empty unless the operator allows callers to use them.

    ``default_config`` is the name of the saved config for requests without routing headers.
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
        self._binder = TargetBinder(providers, limits, environment_keys, environment)
        self.catalogues = catalogues
        self._default_config = default_config
        self._bare = {
            option.bare_header.encode(): option.name
            for row in providers.values()
            for option in row.options
            if option.bare_header
        }
        self._settings = _settings(providers)
        self._undemanding = frozenset(slug for slug, row in providers.items() if row.key is not Key.REQUIRED)
        self._routing = NameMemo(self._routes)
        self._plans: Lru[tuple[object, ...], CompiledPlan] = Lru(remembered)
        catalogues.watch(self._forget)

    def _forget(self, change: CatalogueChange) -> None:
        """Drop the plans that depend on a changed name; keep all other plans."""
        self._plans.drop_where(lambda compiled: compiled.rests_on(change))

    def compile(self, call: Call) -> CompiledPlan | Failure:
        """The compiled plan for a call, or the failure to answer with. Removes ``@NAME/`` from the call's model."""
        routing, key = self._routing, call.caller.key
        withheld = call.caller.header
        relevant: tuple[object, ...] = tuple(
            [field for field in call.headers if routing[field[0]] and field[0] != withheld]
        )
        slug = self._slug(call)
        default = (key.config if key is not None else None) or self._default_config
        remembered = (relevant, slug, default, call.default_provider)
        compiled = self._plans.get(remembered)
        if compiled is None:
            fields = {name: value for name, value in call.headers if routing[name] and name != withheld}
            result = self._compile(fields, slug, default, call.default_provider)
            if isinstance(result, Failure):
                return result
            compiled = result
            size = sum(len(value) for value in fields.values())
            self._plans.put(remembered, compiled, 1 + size // _LIGHT)
        call.account.config = compiled.config
        if key is not None:
            refused = _not_allowed(key, compiled)
            if refused is not None:
                return refused
        return compiled

    @property
    def is_guarded(self) -> bool:
        """Whether callers need a gateway key."""
        return bool(self.catalogues.current.keys)

    def parse(self, config: bytes, slug: str | None = None) -> Plan | Failure:
        """The plan for a config without the headers of a request."""
        return parse(config, HeaderSettings(provider=slug), self._rules(self.catalogues.current))

    def _slug(self, call: Call) -> str | None:
        """The virtual key that ``model: "@NAME/model"`` names, None without one. Removes ``@NAME/`` from the call's
        model."""
        request = call.request
        if request is None or request.model is None or not request.model.startswith("@"):
            return None
        name, slash, model = request.model[1:].partition("/")
        is_known = name in self.catalogues.current.virtual_keys
        bare = not (call.fields.keys() & _NAMING)
        if not slash or not model or not (is_known or bare):
            return None
        if is_known:
            body = request.body.replaced({"model": write_json(model)})
            call.request = RequestBody(body, model, request.stream)
        return name

    def route(self, compiled: CompiledPlan, target: Target, operation: Operation) -> TargetRoute | Failure:
        """The route for one of the plan's targets."""
        key = (target.path, operation)
        route = compiled.routes.get(key)
        if route is None:
            route = compiled.routes[key] = self._binder.bind(target, operation)
        return route

    async def bound(self, compiled: CompiledPlan, target: Target, operation: Operation) -> TargetRoute | Failure:
        """Like ``route``. A private key is loaded in a thread."""
        is_costly = (target.path, operation) not in compiled.routes and any(
            _PRIVATE_KEY in value for value in target.options.values()
        )
        if is_costly:
            return await off_loop(lambda: self.route(compiled, target, operation))
        return self.route(compiled, target, operation)

    def _routes(self, name: bytes) -> bool:
        """Whether a header affects routing."""
        if name.startswith(_PREFIX.encode()):
            return name not in _PER_REQUEST
        return name in KEY_HEADERS or name in self._bare

    def _compile(
        self, fields: Mapping[bytes, bytes], slug: str | None, default: str, default_provider: str | None
    ) -> CompiledPlan | Failure:
        for name in _NOT_YET:
            if fields.get(name.encode()):
                return Failure(Kind.INVALID_CONFIG, f"{name} is not available in this release: leave it out.", name)
        settings = self._header_settings(fields, slug)
        if isinstance(settings, Failure):
            return settings
        catalogue = self.catalogues.current
        config: bytes | None = fields.get(b"x-portkey-config", b"").strip() or None
        saved = _saved_name(config)
        if config is None and settings.provider is None:
            saved = default or None
            if saved is None:
                if default_provider is None:
                    return _no_provider()
                settings = msgspec.structs.replace(settings, provider=default_provider)
        if saved is None:
            plan = parse(config, settings, self._rules(catalogue))
            return plan if isinstance(plan, Failure) else _compiled(plan)
        saved_config = _saved(saved, catalogue)
        if isinstance(saved_config, Failure):
            return saved_config
        settings = msgspec.structs.replace(settings, is_saved=True)
        plan = parse(saved_config.body, settings, self._rules(catalogue))
        return plan if isinstance(plan, Failure) else _compiled(plan, saved_config.name, saved)

    def _rules(self, catalogue: Catalogue) -> Rules:
        return Rules(
            self._providers.keys(),
            self._policy,
            catalogue.virtual_keys,
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
            authorization=_authorization(fields),
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


def judge(
    providers: Mapping[str, Provider], policy: AddressPolicy
) -> Callable[[bytes, Mapping[str, VirtualKey]], str | None]:
    """A function that checks a config, given the virtual keys that the config may name. The function returns the
    problem as a sentence, None for a valid config."""

    def why(config: bytes, virtual_keys: Mapping[str, VirtualKey]) -> str | None:
        rules = Rules(providers.keys(), policy, virtual_keys, _settings(providers))
        plan = parse(config, HeaderSettings(), rules)
        # A config without a provider is valid: the caller's headers name the provider.
        if isinstance(plan, Failure) and plan.kind is not Kind.MISSING_PROVIDER:
            return plan.message
        return None

    return why


def _settings(providers: Mapping[str, Provider]) -> frozenset[str]:
    """The names of all provider-specific settings, in every spelling that configs may use."""
    return frozenset(
        name
        for row in providers.values()
        for option in row.options
        for name in (option.name, option.header.replace("-", "_"), *option.config_keys)
    )


def _authorization(fields: Mapping[bytes, bytes]) -> Secret | None:
    """The credential of the Authorization header; without one, and without a key in x-portkey-api-key, that of the
    header in which another SDK sends its key (Anthropic's, Google's, Azure's)."""
    shown = _credential(fields.get(b"authorization", b""))
    if shown is not None or fields.get(b"x-portkey-api-key"):
        return shown
    return next((key for name in _OTHER_KEYS if (key := _credential(fields.get(name, b""))) is not None), None)


_OTHER_KEYS: Final = (b"x-api-key", b"x-goog-api-key", b"api-key")


def _credential(value: bytes) -> Secret | None:
    text = credential(value)
    return None if text in _PLACEHOLDERS else Secret(text)


def _saved_name(config: bytes | None) -> str | None:
    """The name of a saved config; None when the header holds JSON or nothing."""
    text = (config or b"").decode("utf-8", "replace")
    return text if _SAVED.fullmatch(text) and text not in {"null", "true", "false"} else None


def _saved(name: str, catalogue: Catalogue) -> SavedConfig | Failure:
    """The saved config of this name or id, or the failure for an unknown name."""
    config = catalogue.configs.get(name)
    if config is None:
        way_out = hint(name, catalogue.configs, "saved configs are set in penstock.toml, [configs.NAME].", quote="'")
        plain = "Invalid config passed. You need to pass a valid json"
        return Failure(Kind.UNKNOWN_CONFIG, f"There is no config '{name[:64]}': {way_out}", "x-portkey-config", plain)
    return config


def _compiled(plan: Plan, config: str | None = None, asked_as: str = "") -> CompiledPlan:
    """The compiled plan. ``config`` is the name of the saved config that the plan comes from, ``asked_as`` the name or
    id in the caller's header."""
    keys = tuple([(target.virtual_key, target.path) for target in leaves(plan) if target.virtual_key is not None])
    configs = frozenset() if config is None else frozenset({config, asked_as})
    return CompiledPlan(plan, config, keys if config is None else (), frozenset(name for name, _ in keys), configs)


def _not_allowed(key: GatewayKey, compiled: CompiledPlan) -> Failure | None:
    """The failure when a gateway key doesn't allow the plan; None when it does."""
    if compiled.config is not None and key.configs is not None and compiled.config not in key.configs:
        text = f"Your gateway key may not use the config '{compiled.config}': ask the operator of the gateway."
        return Failure(Kind.NOT_ALLOWED, text, "x-portkey-config")
    if key.virtual_keys is not None:
        for name, path in compiled.named_keys:
            if name not in key.virtual_keys:
                text = f"Your gateway key may not use the virtual key '{name}': ask the operator of the gateway."
                return Failure(Kind.NOT_ALLOWED, text, f"{path}.virtual_key")
    return None


def _no_provider() -> Failure:
    return Failure(
        Kind.MISSING_PROVIDER,
        "The request names no provider: send the header x-portkey-provider (for example openai, or echo to try "
        "the gateway without a key) or x-portkey-config.",
        param="x-portkey-provider",
        plain="Either x-portkey-config or x-portkey-provider header is required",
    )


def _milliseconds(text: str | None) -> float | None:
    """The timeout in milliseconds; None (no limit) for text that is no number, and for zero, as Portkey reads it
    (docs/portkey.md#request-timeout)."""
    try:
        value = float(text or 0)
    except ValueError:
        return None
    return value if value and math.isfinite(value) else None
