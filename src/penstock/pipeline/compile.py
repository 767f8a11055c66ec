"""Stage: the request's headers -> a compiled plan, and whether this caller may use it.

Work that depends only on headers (the config, the virtual keys, the hosts, a provider's header block) is done once and
remembered by the raw bytes of the headers and the caller's permissions (``plan_memory.py``).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec

from penstock.core.address import AddressPolicy
from penstock.core.did_you_mean import hint
from penstock.core.failure import Failure, Kind
from penstock.core.http import Limits
from penstock.core.name_memo import NameMemo
from penstock.core.operation import Operation
from penstock.core.permissions import EVERYTHING, Permissions, includes
from penstock.core.secret import Secret
from penstock.core.virtual_key import VirtualKey
from penstock.guards.read import GuardCompiler, GuardPolicy
from penstock.pipeline.authenticate import KEY_HEADERS, Caller, holding_keys
from penstock.pipeline.call import Call
from penstock.pipeline.choice import Choice, Names, choose, model_may_choose, unknown_name, with_near_alias
from penstock.pipeline.compiled_plan import CompiledPlan, compiled_plan
from penstock.pipeline.header_settings import CONFIG_HEADER, PREFIX, header_settings
from penstock.pipeline.long_plans import LongPlans
from penstock.pipeline.off_loop.thread import off_loop
from penstock.pipeline.plan_memory import PlanAhead, PlanKey, PlanMemory
from penstock.pipeline.target_route import Grants, TargetBinder, TargetRoute
from penstock.providers.row import Key, Option, Provider
from penstock.routing.parse import parse
from penstock.routing.plan import Plan, Target
from penstock.routing.problems import of_config_alone
from penstock.routing.rules import HeaderSettings, Rules
from penstock.stores.base import CatalogueSource
from penstock.stores.catalogue import Catalogue, CatalogueChange, GatewayKey, SavedConfig

_PER_REQUEST: Final = frozenset(
    PREFIX.encode() + name.encode()
    for name in """
    trace-id span-id span-name parent-span-id metadata debug cache-force-refresh cache-namespace mode beta
    nitro-mode fetch-integrated-models sensitive-headers gateway-transport models-endpoint provider-responses-proxy
    error-details package-version runtime runtime-version ignore-service-log
    """.split()
)
_PRIVATE_KEY: Final = "PRIVATE KEY"
"""What the PEM of a private key says of itself."""
_SAVED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""The name of a saved config, as opposed to JSON."""


class _Asked(NamedTuple):
    """What a plan is compiled from, beside the caller's grants. ``headers`` are those that affect routing; ``default``
    is the config for requests that name no target. ``is_current``: the catalogue is the one in force. A request that
    began with an older one gets a plan of its own: none of another revision, and none that is remembered after the
    change was told."""

    key: PlanKey
    headers: tuple[tuple[bytes, bytes], ...]
    choice: Choice
    default: str
    permissions: Permissions
    catalogue: Catalogue
    is_current: bool

    @property
    def size(self) -> int:
        """Bytes of the headers and of what the choice names."""
        return sum(len(value) for _, value in self.headers) + sum(len(part or "") for part in self.choice)


class Compiler:
    """Compiles plans and remembers them. ``environment_keys`` are the operator's provider keys by slug, ``environment``
    is the gateway's own identity; both are empty unless the operator allows callers to use them.

    ``accounts`` are the options by slug that the operator's environment fixes (``TargetBinder``). ``default_config`` is
    the name of the saved config for requests that name no target. ``names`` are what there is to name beside the
    catalogue: the slugs of ``providers`` unless given. ``policy`` holds for saved configs, and for
    callers where no gateway key is set, whose permissions are ``open_permissions``; ``guarded_policy`` for callers with
    a gateway key, beside the hosts that the key permits. ``is_long`` tells calls whose plan is to be compiled in a
    thread (``read_ahead``).
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
        accounts: Mapping[str, Mapping[str, str]] | None = None,
        default_config: str = "",
        names: Names | None = None,
        guarded_policy: AddressPolicy | None = None,
        open_permissions: Permissions = EVERYTHING,
        remembered: int = 4096,
        guards: GuardPolicy = GuardPolicy(),  # noqa: B008 (frozen)
    ) -> None:
        self._guards = guards
        self._providers = providers
        self._policy = policy
        self._guarded_hosts = (guarded_policy or policy).trusted_hosts
        self._open = open_permissions, open_permissions.shared
        self._binder = TargetBinder(providers, limits, environment_keys, environment, accounts or {}, policy)
        self.catalogues = catalogues
        self._default_config = default_config
        self.names = names or Names(providers.keys())
        self._bare = {
            option.bare_header.encode(): option.name
            for row in providers.values()
            for option in row.options
            if option.bare_header
        }
        self._settings = _settings(providers)
        self._secrets = _settings(providers, lambda option: option.secret or option.credential is not None)
        self._host_settings = _settings(providers, lambda option: option.names_host)
        self._undemanding = frozenset(slug for slug, row in providers.items() if row.key is not Key.REQUIRED)
        self._routing = NameMemo(self._routes)
        self._memory = PlanMemory(remembered)
        self._long = LongPlans(default_config, guards, open_permissions)
        self._long.note(catalogues.current)
        self.is_long = self._long.concerns
        catalogues.watch(self._forget)

    def _forget(self, change: CatalogueChange) -> None:
        """Drop the plans that depend on a changed name."""
        catalogue = self.catalogues.current
        self._long.note(catalogue)
        # ``@openai`` is the provider until a virtual key has the name.
        shadows = any(self.names.has_provider(name) for name in change.virtual_keys)
        self._memory.forget(
            lambda compiled: (
                shadows or compiled.rests_on(change) or (bool(change.keys) and compiled.rests_on_keys(catalogue))
            )
        )

    def compile(self, call: Call) -> CompiledPlan | Failure:
        """The compiled plan for a call, or the failure to answer with. Removes ``@NAME/`` and ``provider/`` from the
        call's model."""
        memo, current = call.memo, self.catalogues.current
        if memo is None or model_may_choose(call, current):
            return self._compiled(call, current)
        compiled = memo.compiled if memo.catalogue is current else None
        if compiled is None:
            result = self._compiled(call, current)
            if isinstance(result, CompiledPlan) and not (result.forwarded or result.withheld):
                memo.keep_plan(result, call.named_in, current)
                memo.is_long = self.is_long(call)
            return result
        call.named_in, call.account.config = memo.named_in, compiled.config
        return compiled

    async def read_ahead(self, call: Call) -> PlanAhead | None:
        """Compile the plan of a call in a thread, unless it is known. ``compile`` finds it in ``call.ahead``, also
        where it isn't remembered: it may be too heavy, and the catalogue may have changed. None where the memo has it.
        The call's body and its ids must have been read, for they may name the target."""
        everything, caller, memo = self.catalogues.current, call.caller, call.memo
        has_plan = memo is not None and memo.compiled is not None and memo.catalogue is everything
        if has_plan and not model_may_choose(call, everything):
            return None
        # Choosing takes the target's name out of the call's model: a copy of the call leaves it there.
        asked = self._asked(msgspec.structs.replace(call), everything)
        result = self._memory.find(asked.key, caller.tenant, asked.permissions) if asked.is_current else None
        if result is None:
            grants, provider = self._grants(caller.key), call.default_provider
            result = await off_loop(lambda: self._compile(asked, provider, grants), caller.tenant)
            if asked.is_current and self.catalogues.current is everything:
                result = self._memory.keep(asked.key, caller.tenant, asked.permissions, result, asked.size)
        return PlanAhead(asked.key, asked.catalogue, result)

    def _compiled(self, call: Call, everything: Catalogue) -> CompiledPlan | Failure:
        """``compile`` with the whole catalogue as it is now."""
        caller, asked = call.caller, self._asked(call, everything)
        call.named_in = asked.choice.where
        compiled = self._memory.find(asked.key, caller.tenant, asked.permissions) if asked.is_current else None
        if compiled is None:
            compiled = None if call.ahead is None else call.ahead.result_for(asked.key, asked.catalogue)
            compiled = compiled or self._compile(asked, call.default_provider, self._grants(caller.key))
            if asked.is_current:
                compiled = self._memory.keep(asked.key, caller.tenant, asked.permissions, compiled, asked.size)
        if isinstance(compiled, Failure):
            return with_near_alias(compiled, call, self.names, asked.catalogue)
        call.account.config = compiled.config
        if caller.key is not None and (compiled.forwarded or compiled.withheld):
            forwarded = holding_keys(call.fields, compiled.forwarded, asked.catalogue)
            call.caller = msgspec.structs.replace(caller, held_back=(*compiled.withheld, *forwarded))
        return compiled

    def _asked(self, call: Call, everything: Catalogue) -> _Asked:
        routing, caller = self._routing, call.caller
        key, shown = caller.key, (caller.header, *caller.others)
        # What an earlier plan of the same call holds back is looked into again: it makes no other plan.
        headers = tuple([field for field in call.headers if routing[field[0]] and field[0] not in shown])
        permissions, shared = (key.permissions, key.shared) if key is not None else self._open
        default = (key.config if key is not None else None) or self._default_config
        current = everything.seen_by(key)
        catalogue = caller.catalogue or current
        choice = choose(call, self.names, catalogue, has_config=bool(default))
        plan_key = (headers, choice, default, call.default_provider, shared)
        return _Asked(plan_key, headers, choice, default, permissions, catalogue, catalogue is current)

    def catalogue_of(self, caller: Caller) -> Catalogue:
        """What a caller knows of the catalogue with which the caller's request began."""
        return caller.catalogue or self.catalogues.current.seen_by(caller.key)

    def has_default_config(self, caller: Caller) -> bool:
        """Whether a config of the operator's serves requests of this caller that name no target."""
        return bool((caller.key is not None and caller.key.config) or self._default_config)

    def has_default(self, caller: Caller) -> bool:
        """Whether the operator says who serves requests of this caller that name no target."""
        return self.names.default is not None or self.has_default_config(caller)

    def _grants(self, key: GatewayKey | None) -> Grants:
        if key is None:
            return Grants(self._open[0], self._policy)
        return Grants(key.permissions, AddressPolicy((*self._guarded_hosts, *key.hosts)))

    @property
    def is_guarded(self) -> bool:
        """Whether callers need a gateway key."""
        return self.catalogues.current.is_guarded

    def parse(self, config: bytes, slug: str | None = None) -> Plan | Failure:
        """The plan for a config without the headers of a request."""
        grants = self._grants(None)
        return parse(config, HeaderSettings(provider=slug), self._rules(self.catalogues.current.seen_by(None), grants))

    def keeps_responses(self, compiled: CompiledPlan, target: Target) -> bool:
        """Whether a target's host keeps the responses that are made there."""
        route = self.route(compiled, target, Operation.RESPONSE)
        return not (isinstance(route, Failure) and route.kind is Kind.UNSUPPORTED_OPERATION)

    def route(self, compiled: CompiledPlan, target: Target, operation: Operation) -> TargetRoute | Failure:
        """The route for one of the plan's targets."""
        key = (target.path, operation)
        route = compiled.routes.get(key)
        if route is None:
            route = compiled.routes[key] = self._binder.bind(target, operation, compiled.grants)
        return route

    async def bound(self, compiled: CompiledPlan, target: Target, operation: Operation) -> TargetRoute | Failure:
        """Like ``route``. A private key is loaded in a thread."""
        await self.loaded(compiled, target, operation)
        return self.route(compiled, target, operation)

    async def loaded(self, compiled: CompiledPlan, target: Target, operation: Operation) -> None:
        """Make the route of a target with a private key, in a thread."""
        is_costly = (target.path, operation) not in compiled.routes and any(
            _PRIVATE_KEY in value for value in target.options.values()
        )
        if is_costly:
            await off_loop(lambda: self.route(compiled, target, operation))

    def _routes(self, name: bytes) -> bool:
        """Whether a header affects routing."""
        if name.startswith(PREFIX.encode()):
            return name not in _PER_REQUEST
        return name in KEY_HEADERS or name in self._bare

    def _compile(self, asked: _Asked, default_provider: str | None, grants: Grants) -> CompiledPlan | Failure:
        fields, choice, default, catalogue = dict(asked.headers), asked.choice, asked.default, asked.catalogue
        # A gateway key in any header is no provider's credential, nor a part of an address.
        withheld = frozenset(holding_keys(fields, fields.keys() - {CONFIG_HEADER}, catalogue))
        settings = header_settings({name: fields[name] for name in fields if name not in withheld}, choice, self._bare)
        if isinstance(settings, Failure):
            return settings
        config: bytes | None = fields.get(CONFIG_HEADER, b"").strip() or None
        saved = choice.config if config is None else _saved_name(config)
        is_silent = config is None and saved is None and settings.provider is None
        if grants.permissions.pins_config and not (is_silent and choice.unknown is None):
            return _pinned("x-portkey-config" if config is not None else choice.where or settings.where)
        if is_silent:
            if choice.unknown is not None:
                return unknown_name(choice.unknown, self.names, catalogue, grants.permissions)
            saved, provider = default or None, self.names.default or default_provider
            if saved is None and provider is None:
                return _no_provider()
            settings = settings if saved is not None else msgspec.structs.replace(settings, provider=provider)
        if saved is not None:
            plan = self._from_saved(saved, settings, grants, catalogue, is_default=is_silent)
        elif config is not None and not grants.permissions.inline_configs:
            plan = _not_allowed("bring a config of its own")
        else:
            parsed = parse(config, settings, self._rules(catalogue, grants))
            plan = parsed if isinstance(parsed, Failure) else compiled_plan(parsed, grants)
        return plan if isinstance(plan, Failure) else plan.made_for(choice, withheld)

    def _from_saved(
        self, name: str, settings: HeaderSettings, grants: Grants, catalogue: Catalogue, *, is_default: bool
    ) -> CompiledPlan | Failure:
        permissions = grants.permissions
        saved = _saved(name, catalogue, permissions)
        if isinstance(saved, Failure):
            return saved
        if not includes(permissions.configs, saved.name):
            if is_default:
                return dataclasses.replace(_not_allowed("use the gateway's default config"), param=None)
            return _not_allowed(f"use the config '{name}'")
        settings = msgspec.structs.replace(settings, is_saved=True)
        plan = parse(saved.body, settings, self._rules(catalogue, grants))
        return plan if isinstance(plan, Failure) else compiled_plan(plan, grants, saved.name, name)

    def _rules(self, catalogue: Catalogue, grants: Grants) -> Rules:
        return Rules(
            providers=self._providers.keys(),
            policy=grants.policy or self._policy,
            virtual_keys=catalogue.virtual_keys,
            settings=self._settings,
            undemanding=self._undemanding,
            permissions=grants.permissions,
            secrets=self._secrets,
            host_settings=self._host_settings,
            saved_policy=self._policy,
            is_gateway_key=catalogue.holds_key if catalogue.keys else None,
            aliases=self.names.aliases,
            guards=GuardCompiler(catalogue.guardrails, self._guards_of(grants.permissions), catalogue.configs),
        )

    def _guards_of(self, permissions: Permissions) -> GuardPolicy:
        before, after = permissions.input_guardrails, permissions.output_guardrails
        if not (before or after):
            return self._guards
        return msgspec.structs.replace(self._guards, workspace_input=before, workspace_output=after)


def judge(
    providers: Mapping[str, Provider], policy: AddressPolicy, aliases: Mapping[str, str]
) -> Callable[[bytes, Mapping[str, VirtualKey]], str | None]:
    """A function that checks a config, given the virtual keys that the config may name. The function returns the
    problem as a sentence, None for a valid config. ``aliases`` are the slugs of the providers' other names."""

    def why(config: bytes, virtual_keys: Mapping[str, VirtualKey]) -> str | None:
        guards = GuardCompiler(None, GuardPolicy())
        rules = Rules(providers.keys(), policy, virtual_keys, _settings(providers), aliases=aliases, guards=guards)
        plan = parse(config, HeaderSettings(), rules)
        failure = of_config_alone(plan) if isinstance(plan, Failure) else None
        return None if failure is None else failure.message

    return why


def _settings(providers: Mapping[str, Provider], chosen: Callable[[Option], bool] = lambda _: True) -> frozenset[str]:
    """The names of the provider-specific settings that are chosen, in every spelling that configs may use."""
    return frozenset(
        name
        for row in providers.values()
        for option in row.options
        if chosen(option)
        for name in (option.name, option.header.replace("-", "_"), *option.config_keys)
    )


def _saved_name(config: bytes | None) -> str | None:
    """The name of a saved config; None when the header holds JSON or nothing."""
    text = (config or b"").decode("utf-8", "replace")
    return text if _SAVED.fullmatch(text) and text not in {"null", "true", "false"} else None


def _saved(name: str, catalogue: Catalogue, permissions: Permissions) -> SavedConfig | Failure:
    """The saved config of this name or id, or the failure for an unknown name."""
    config = catalogue.configs.get(name)
    if config is None:
        usable = [each for each, saved in catalogue.configs.items() if includes(permissions.configs, saved.name)]
        way_out = hint(name, usable, "saved configs are set in penstock.toml, [configs.NAME].", quote="'")
        plain = "Invalid config passed. You need to pass a valid json"
        return Failure(Kind.UNKNOWN_CONFIG, f"There is no config '{name[:64]}': {way_out}", "x-portkey-config", plain)
    return config


def _not_allowed(what: str) -> Failure:
    text = f"Your gateway key may not {what}: ask the operator of the gateway."
    return Failure(Kind.NOT_ALLOWED, text, "x-portkey-config")


def _pinned(where: str) -> Failure:
    """The failure of a request that names a target where its key has fixed the config."""
    text = f"Your gateway key pins its config, which serves all of its requests: name nothing in {where}."
    return Failure(Kind.INVALID_CONFIG, text, where)


def _no_provider() -> Failure:
    return Failure(
        Kind.MISSING_PROVIDER,
        "The request names no provider: send the header x-portkey-provider (for example openai, or echo to try "
        "the gateway without a key) or x-portkey-config, or begin the model with the provider (openai/gpt-4o-mini).",
        param="x-portkey-provider",
        plain="Either x-portkey-config or x-portkey-provider header is required",
    )
