"""What a caller can call with an address and a key alone: the answer to ``GET /v1/models`` and ``/v1/models/{id}``.

Listed are the models that the config, or the default provider, of a request that names no target leads to; the virtual
keys' models as ``@NAME/model``; aliases; and ``provider/model`` of the providers that the gateway lends a key for or
that need none. A target is found as a request for it would be, so that nothing is listed that the caller may not call.
A request that names one provider gets that provider's own list, as it came. Lists are in the wire of the client that
asks.
Source: docs/headers.md#models.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from penstock.core.did_you_mean import hint
from penstock.core.failure import Failure, Kind
from penstock.core.http import Headers
from penstock.core.json_text import read_json, write_json
from penstock.core.model_aliases import ModelAlias, ModelAliases
from penstock.core.operation import Operation
from penstock.core.outcome import Outcome
from penstock.core.traits import Traits
from penstock.dialects.caller import JSON, NO_STORE
from penstock.dialects.listed_models import ListedModel, ModelLists
from penstock.observe.record import Records
from penstock.pipeline.account import Account
from penstock.pipeline.call import Answer, Call, RequestView
from penstock.pipeline.choice import NAMING, alias_of, tables_of
from penstock.pipeline.compile import Compiler
from penstock.pipeline.compiled_plan import CompiledPlan
from penstock.pipeline.models.host_models import HostModels
from penstock.pipeline.models.model_selection import selected
from penstock.routing.conditions import Evaluation
from penstock.routing.javascript_value import MISSING
from penstock.routing.plan import Balance, Choose, Fallback, Plan, Target, leaves
from penstock.stores.catalogue import Catalogue
from penstock.traits.resolve import resolve

_CHATS: Final = "/v1/chat/completions"
_GLOB: Final = frozenset("*?[")


class Offer(NamedTuple):
    """A model that the caller can call by this name, and the provider behind it. ``show`` is its name for people."""

    id: str
    provider: str
    show: str | None = None


class CallableModels(msgspec.Struct, frozen=True):
    """Lists for callers. ``hosts`` are the providers' own lists."""

    compiler: Compiler
    hosts: HostModels

    async def answer(self, call: Call) -> Answer | Failure | None:
        """The list, or the one model that the path names; None where the named provider answers itself."""
        compiled = self.compiler.compile(call)
        if call.operation is Operation.SHOW:
            if call.request is None or call.request.model is None:
                return Failure(Kind.INVALID_REQUEST, "The request has no model: name the model to show.", "model")
            if not isinstance(compiled, Failure) and self._relays(compiled, call):
                return None
            call.parameters = {"id": call.request.model}
        bare: CompiledPlan | None = None
        if not call.named_in and NAMING.isdisjoint(call.fields):
            bare = None if isinstance(compiled, Failure) else compiled
            offers = [] if bare is None else await self._of_plan(bare, call)
            offers += await self._of_names(call, bare)
            offers = await self._with_aliases(offers, call)
        elif isinstance(compiled, Failure):
            return compiled
        elif self._relays(compiled, call):
            return None
        else:
            offers = await self._of_plan(compiled, call)
            if not offers and isinstance(compiled.plan, Target):
                failure = self._no_list(compiled, compiled.plan)
                if failure is not None and call.operation is not Operation.SHOW:
                    return failure
                if call.operation is Operation.SHOW:  # also at a host that has a list, and doesn't tell it now
                    offers = self._unlisted(compiled, compiled.plan, [call.parameters["id"]])
        return _list(offers, call) if call.operation is Operation.MODELS else self._found(offers, bare, call)

    def _found(self, offers: list[Offer], bare: CompiledPlan | None, call: Call) -> Answer | Failure | None:
        """The model that the path names. None for one that is not listed and goes where requests that say nothing go,
        to a host that answers itself: it may know more names than it lists, as aliases and models without their tag."""
        found = self._one(offers, call)
        if bare is None or not isinstance(found, Failure):
            return found
        name, catalogue = call.parameters["id"], self.compiler.catalogue_of(call.caller)
        names, (prefix, slash, _) = self.compiler.names, name.partition("/")
        is_named = slash and names.has_provider(prefix) and not names.keeps_slashes(catalogue)
        if is_named or name.startswith("@") or alias_of(name, tables_of(call.caller.key, catalogue)) is not None:
            return found
        return None if self._relays(bare, call) else found

    def _relays(self, compiled: CompiledPlan, call: Call) -> bool:
        """Whether a provider was named, and answers the caller itself: nothing limits or changes the models."""
        plan = compiled.plan
        if compiled.config is not None or not isinstance(plan, Target) or "model" in plan.override_params:
            return False
        route = self.compiler.route(compiled, plan, call.operation)
        if isinstance(route, Failure) or route.model_lists is not None:
            return False
        return route.endpoint.route_for(None, call.dialect.name).dialect == call.dialect.name

    async def _of_plan(self, compiled: CompiledPlan, call: Call) -> list[Offer]:
        """The models that a request to the plan may name."""
        targets = leaves(compiled.plan)
        known = await asyncio.gather(*(self._models(compiled, target) for target in targets))
        by_path = {target.path: models for target, models in zip(targets, known, strict=True)}
        names = dict.fromkeys(_named_by_conditions(self._config(compiled, call)))
        names |= dict.fromkeys(name for models in known for name in models)
        reach = _Reach(by_path, call)
        found = ((name, reach.target(compiled.plan, name)) for name in names)
        return [Offer(name, target.provider) for name, target in found if target is not None]

    def _no_list(self, compiled: CompiledPlan, target: Target) -> Failure | None:
        """Why a target's host can't be asked for a list; None if it can."""
        route = self.compiler.route(compiled, target, Operation.MODELS)
        return route if isinstance(route, Failure) else None

    def _unlisted(self, compiled: CompiledPlan, target: Target, names: Sequence[str]) -> list[Offer]:
        """Those of the models that the caller may name at a target, not looked up in its host's list."""
        chat = self.compiler.route(compiled, target, Operation.CHAT)
        if isinstance(chat, Failure):
            return []
        limits = chat.model_lists
        return [Offer(name, target.provider) for name in names if limits is None or limits.refused(name) is None]

    def _config(self, compiled: CompiledPlan, call: Call) -> bytes:
        if compiled.config is None:
            return call.fields.get(b"x-portkey-config", b"")
        return self.compiler.catalogue_of(call.caller).configs[compiled.config].body

    async def _models(self, compiled: CompiledPlan, target: Target) -> tuple[str, ...]:
        """The models that a request may name at one target: those that its settings name, else the host's own."""
        chat = self.compiler.route(compiled, target, Operation.CHAT)
        if isinstance(chat, Failure):
            return ()
        override = _text(target.override_params.get("model"))
        if override is not None:
            names: tuple[str, ...] = (override,)
        else:
            patterns = target.models or ()
            names = tuple(name for name in patterns if _GLOB.isdisjoint(name))
            lists = self.compiler.route(compiled, target, Operation.MODELS)
            if len(names) < max(len(patterns), 1) and not isinstance(lists, Failure):
                names += await self.hosts.models(lists)
            options = (chat.endpoint.options.get(option.name) for option in chat.provider.options if option.names_model)
            names += tuple(option for option in options if option)
        limits = chat.model_lists
        allowed = (name for name in names if limits is None or limits.refused(name) is None)
        prefix = target.model_prefix if override is None else ""
        return tuple(dict.fromkeys(prefix + name for name in allowed))

    async def _of_names(self, call: Call, bare: CompiledPlan | None) -> list[Offer]:
        """The models of all targets that the caller can name in ``model``, by the names that lead there."""
        names, catalogue = self.compiler.names, self.compiler.catalogue_of(call.caller)
        keeps_slashes = self.compiler.has_default_config(call.caller) or names.keeps_slashes(catalogue)
        served = {bare.plan.provider} if bare is not None and isinstance(bare.plan, Target) else set()
        by_key = [(f"@{name}/", b"x-portkey-virtual-key", name) for name in catalogue.virtual_keys]
        by_slug = [
            (f"@{slug}/" if keeps_slashes else f"{slug}/", b"x-portkey-provider", slug)
            for slug in sorted(names.providers, key=lambda slug: (slug == "echo", slug))
            if slug not in served and not (keeps_slashes and slug in catalogue.virtual_keys)
        ]
        found = await asyncio.gather(*(self._named(call, *each) for each in (*by_key, *by_slug)))
        return [offer for offers in found for offer in offers]

    async def _with_aliases(self, offers: list[Offer], call: Call) -> list[Offer]:
        """The offers, and those of aliases before them. A name that is an alias means nothing else."""
        tables = tables_of(call.caller.key, self.compiler.catalogue_of(call.caller))
        if not tables:
            return offers
        others = [offer for offer in offers if alias_of(offer.id, tables) is None]
        entries = {entry.pattern: entry for table in reversed(tables) for entry in table.entries}
        shown = [entry for entry in entries.values() if not entry.hide]
        found = await asyncio.gather(*(self._of_alias(entry, call, tables) for entry in shown))
        return [*(offer for each in found for offer in each), *others]

    async def _of_alias(self, entry: ModelAlias, call: Call, tables: Sequence[ModelAliases]) -> list[Offer]:
        """The names of one alias that lead to a model. A pattern stands for the models of its target, and is a name of
        its own where it has one for people."""
        header = (b"x-portkey-provider", entry.target) if entry.config is None else (b"x-portkey-config", entry.config)
        asked = _asked(call, header[0], (header[1] or "").encode())
        compiled = self.compiler.compile(asked)
        if isinstance(compiled, Failure):
            return []
        plan, wanted = compiled.plan, call.parameters.get("id", "")
        names = [] if entry.is_pattern and entry.show is None else [entry.pattern]
        if entry.is_pattern and entry.matches(wanted):
            names.append(wanted)
        if entry.config is None and isinstance(plan, Target) and (entry.model is not None or not entry.is_pattern):
            may = self._unlisted(compiled, plan, [entry.model or entry.pattern])
            return [Offer(name, plan.provider, entry.show) for name in names] if may else []
        offers = await self._of_plan(compiled, asked)
        if not offers and wanted in names and isinstance(plan, Target):
            offers = self._unlisted(compiled, plan, [wanted])
        own = [Offer(name, offers[0].provider, entry.show) for name in names] if offers and entry.config else []
        return own + [offer for offer in offers if alias_of(offer.id, tables) is entry]

    async def _named(self, call: Call, prefix: str, header: bytes, name: str) -> list[Offer]:
        """The models of one target without a credential of the caller's."""
        compiled = self.compiler.compile(_asked(call, header, name.encode()))
        if isinstance(compiled, Failure) or not isinstance(compiled.plan, Target):
            return []
        models = await self._models(compiled, compiled.plan)
        return [Offer(prefix + model, compiled.plan.provider) for model in models]

    def _one(self, offers: list[Offer], call: Call) -> Answer | Failure:
        """The model that the path names; any name of its provider's will do."""
        name, catalogue = call.parameters["id"], self.compiler.catalogue_of(call.caller)
        wanted = self._canonical(name, catalogue)
        for offer in offers:
            if name == offer.id or wanted == self._canonical(offer.id, catalogue):
                return _answer(_lists(call).one(_listed(offer._replace(id=name))))
        way_out = hint(name, [offer.id for offer in offers], "GET /v1/models lists those that you can.", quote="'")
        text = f"You can't call a model '{name[:100]}' here: {way_out}"
        return Failure(Kind.MODEL_NOT_FOUND, text, "model")

    def _canonical(self, name: str, catalogue: Catalogue) -> str:
        prefix, slash, rest = name.partition("/")
        names, bare = self.compiler.names, prefix.removeprefix("@")
        if not slash or (prefix != bare and bare in catalogue.virtual_keys):
            return name
        return f"{names.aliases.get(bare, bare)}/{rest}" if names.has_provider(bare) else name


def _asked(call: Call, header: bytes, value: bytes) -> Call:
    """A chat request of the same caller that names its target in a header."""
    headers: Headers = [(header, value)]
    return Call(
        Operation.CHAT, call.dialect, headers, dict(headers), b"", b"", Account(Records(), "GET", ""), _CHATS,
        caller=call.caller,
    )  # fmt: skip


class _Reach:
    """Which target answers a request for a model. ``by_path`` are the models of each target by its path."""

    def __init__(self, by_path: dict[str, tuple[str, ...]], call: Call) -> None:
        self._by_path = by_path
        self._view = RequestView(call)

    def target(self, plan: Plan, model: str) -> Target | None:
        """The target, None where the request may fail for its model."""
        match plan:
            case Target():
                models = self._by_path[plan.path]
                return plan if model in models or (models and "model" in plan.override_params) else None
            case Choose():
                chosen = self._chosen(plan, model)
                return None if chosen is None else self.target(chosen, model)
            case Balance():
                weighed = zip(plan.targets, plan.weights, strict=True)
                found = [self.target(each, model) for each, weight in weighed if weight]
                return None if None in found else found[0]
            case Fallback():
                has_rules = plan.on_status_codes is not None or plan.on_error is not None
                usable = (self.target(each, model) for each in plan.targets[: 1 if has_rules else None])
                return next((each for each in usable if each is not None), None)

    def _chosen(self, plan: Choose, model: str) -> Plan | None:
        view = _View(self._view, model)
        evaluation = Evaluation(view)
        index = next((case.target for case in plan.cases if case.condition.matches(evaluation)), plan.default_target)
        return None if index is None else plan.targets[index]


class _View:
    """A chat request for a model, as conditions see it."""

    pathname = _CHATS

    def __init__(self, call: RequestView, model: str) -> None:
        self._call = call
        self._model = model

    def param(self, name: str) -> Any:
        return self._model if name == "model" else MISSING

    def metadata(self, name: str) -> Any:
        return self._call.metadata(name)


def _named_by_conditions(config: bytes) -> Iterator[str]:
    """The models that a config's conditions ask for by name: aliases of the operator's."""
    try:
        waiting: list[Any] = [read_json(config)]
    except ValueError:
        return
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += reversed(item)
        elif isinstance(item, dict):
            if "params.model" in item:
                yield from _operands(item["params.model"])
            waiting += reversed(item.values())


def _operands(query: Any) -> Iterator[str]:
    operands = [query.get("$eq"), *(query.get("$in") or ())] if isinstance(query, dict) else [query]
    yield from (each for each in operands if isinstance(each, str) and each)


def _text(value: bytes | None) -> str | None:
    text = None if value is None else read_json(value)
    return text if isinstance(text, str) else None


def _model(model: ListedModel) -> dict[str, Any]:
    """OpenAI API reference, "The model object"; when a model was made is not known here."""
    return {"id": model.id, "object": "model", "created": 0, "owned_by": model.provider}


def _page(models: Sequence[ListedModel], _query: Mapping[str, str]) -> dict[str, Any]:
    return {"object": "list", "data": [_model(model) for model in models]}


_OPENAIS: Final = ModelLists(_page, _model)


def _lists(call: Call) -> ModelLists:
    return call.dialect.writing.models or _OPENAIS


def _listed(offer: Offer) -> ListedModel:
    name = offer.id.partition("/")[2] or offer.id
    traits = resolve(name, offer.provider)
    return ListedModel(offer.id, offer.provider, traits.output_limit, traits.family, _abilities(traits), offer.show)


def _abilities(traits: Traits) -> tuple[str, ...]:
    """What a model can do beside text. Of a model that nobody knows, only tools are believed."""
    thinks = traits.thinking != "none" or traits.thinks_unasked
    known = {"tools": traits.tools, "vision": traits.vision and traits.family, "thinking": thinks and traits.family}
    return tuple(name for name, is_known in known.items() if is_known)


def _list(offers: list[Offer], call: Call) -> Answer | Failure:
    by_id = {offer.id: offer for offer in reversed(offers)}
    models = [_listed(offer) for offer in reversed(by_id.values())]
    query, lists = dict(parse_qsl(call.query)), _lists(call)
    found = selected(models, query) if lists is _OPENAIS else models
    return found if isinstance(found, Failure) else _answer(lists.page(found, query))


def _answer(value: Any) -> Answer:
    return Answer(200, [(b"content-type", JSON), NO_STORE], write_json(value), Outcome(200))
