"""Stage: the request's headers -> a compiled plan.

Everything that depends only on headers is done once and found again by the raw bytes of those headers: parsing the
config, judging hosts, choosing keys, writing the header block that a provider will get.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from penstock.core.address import AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers, Limits
from penstock.core.lru import Lru
from penstock.core.memo import NameMemo
from penstock.core.secret import Secret
from penstock.dialects.openai_chat import Shape
from penstock.providers.endpoint import Endpoint, bind
from penstock.providers.row import Operation, Option, Provider
from penstock.routing.parse import Given, Rules, parse
from penstock.routing.plan import Plan, Target

_PREFIX: Final = "x-portkey-"
_GENERAL: Final = frozenset(
    _PREFIX.encode() + name.encode()
    for name in "provider config custom-host request-timeout forward-headers strict-open-ai-compliance api-key".split()
)
_PER_REQUEST: Final = frozenset(
    _PREFIX.encode() + name.encode()
    for name in """
    trace-id span-id span-name parent-span-id metadata debug cache-force-refresh cache-namespace mode beta
    nitro-mode fetch-integrated-models sensitive-headers gateway-transport models-endpoint provider-responses-proxy
    error-details package-version runtime runtime-version
    """.split()
)
_NOT_YET: Final = tuple(
    _PREFIX + name for name in ("virtual-key", "default-input-guardrails", "default-output-guardrails")
)
"""Headers that must not be ignored in silence until they work."""
_PLACEHOLDERS: Final = frozenset({"", "OPENAI_API_KEY", "DUMMY-KEY", "undefined", "null"})
"""What SDKs send for "no key" (spec 2.2)."""


class Route(msgspec.Struct, frozen=True):
    """A target made ready for one operation: where it is, what its requests look like, how long they may take."""

    target: Target
    provider: Provider
    endpoint: Endpoint
    shape: Shape | None
    limits: Limits


class Compiled(msgspec.Struct):
    """A plan and, as they are first needed, the routes of its targets."""

    plan: Plan
    routes: dict[tuple[str, Operation], Route | Failure] = msgspec.field(default_factory=dict)


class Configure:
    """Compile and remember. ``environment_keys`` are the operator's own provider keys by slug, if it lends them."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        policy: AddressPolicy,
        limits: Limits,
        environment_keys: Mapping[str, Secret],
        *,
        remembered: int = 4096,
    ) -> None:
        self._providers = providers
        self._rules = Rules(providers.keys(), policy)
        self._limits = limits
        self._environment_keys = environment_keys
        self._compiled: Lru[tuple[tuple[bytes, bytes], ...], Compiled] = Lru(remembered)
        self._bare = {
            option.bare_header.encode(): option.name
            for row in providers.values()
            for option in row.options
            if option.bare_header
        }
        self._routing = NameMemo(self._routes)

    def __call__(self, headers: Headers) -> Compiled | Failure:
        """The compiled plan for these headers, or the 400 to answer with."""
        routing = self._routing
        relevant = tuple([field for field in headers if routing[field[0]]])
        compiled = self._compiled.get(relevant)
        if compiled is None:
            plan = self._plan(dict(relevant))
            if isinstance(plan, Failure):
                return plan
            compiled = Compiled(plan)
            self._compiled.put(relevant, compiled)
        return compiled

    def route(self, compiled: Compiled, target: Target, operation: Operation) -> Route | Failure:
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
        return name == b"authorization" or name in self._bare

    def _plan(self, fields: Mapping[bytes, bytes]) -> Plan | Failure:
        config = fields.get(b"x-portkey-config", b"").strip() or None
        for name in _NOT_YET:
            if fields.get(name.encode()):
                return Failure(Kind.INVALID_CONFIG, f"{name} is not available in this release: leave it out.", name)
        given = self._given(fields)
        if isinstance(given, Failure):
            return given
        if config is None and given.provider is None:
            return Failure(
                Kind.MISSING_PROVIDER,
                "The request names no provider: send the header x-portkey-provider (for example openai, or echo to try "
                "the gateway without a key) or x-portkey-config.",
                param="x-portkey-provider",
                plain="Either x-portkey-config or x-portkey-provider header is required",
            )
        return parse(config, given, self._rules)

    def _given(self, fields: Mapping[bytes, bytes]) -> Given | Failure:
        def text(name: str) -> str | None:
            return fields.get(f"{_PREFIX}{name}".encode(), b"").decode("utf-8", "replace").strip() or None

        forward = text("forward-headers")
        names = None if forward is None else tuple(part.strip().lower() for part in forward.split(",") if part.strip())
        if names and "x-portkey-forward-headers" in names:
            message = "forward_headers must not contain the 'x-portkey-forward-headers' header"
            return Failure(Kind.INVALID_CONFIG, f"{message}: take it out.", "x-portkey-forward-headers", message)
        return Given(
            provider=text("provider"),
            authorization=_credential(fields.get(b"authorization", b"").decode("utf-8", "replace")),
            api_key=_credential(text("api-key") or ""),
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
            options={option.name: value for option in row.options if (value := _option(option, target.options))},
            custom_host=target.custom_host,
        )
        if isinstance(endpoint, Failure):
            return endpoint
        overrides = dict(target.override_params)
        if endpoint.model is not None:
            overrides["model"] = msgspec.json.encode(endpoint.model)
        shape = Shape(
            defaults=target.default_params,
            overrides=overrides,
            renames={rename.parameter: rename.to for rename in row.renames},
            drops=frozenset(drop.parameter for drop in row.drops),
            developer_role=row.developer_role,
        )
        limits = self._limits
        if target.request_timeout is not None:
            limits = msgspec.structs.replace(limits, first_byte=target.request_timeout / 1000)
        return Route(target, row, endpoint, None if shape.is_plain else shape, limits)


def _option(option: Option, given: Mapping[str, str]) -> str | None:
    for name in (option.name, option.header.replace("-", "_"), *option.config_keys):
        if given.get(name):
            return given[name]
    return None


def _credential(text: str) -> Secret | None:
    """A key, without its scheme; any spelling of ``Bearer`` is understood."""
    text = text.strip()
    if text[:7].lower() == "bearer ":
        text = text[7:].strip()
    return None if text in _PLACEHOLDERS else Secret(text)


def _milliseconds(text: str | None) -> float | None:
    """JavaScript's idea of a number, as the reference reads it: what is none, and zero, are no limit (spec 2.3)."""
    try:
        value = float(text or 0)
    except ValueError:
        return None
    return value if value and math.isfinite(value) else None
