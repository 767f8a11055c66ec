"""Checks of identity and permission: models, metadata, kinds of requests. They fail closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from penstock.core.operation import CHAT_TYPES, Operation
from penstock.guards.base import Check, Context, Judgement, Phase, Prepared, Reads, could_not
from penstock.guards.parameters import Parameters
from penstock.guards.patterns import compiled, seconds_for

_BEFORE: Final = frozenset({Phase.BEFORE})
_OPERATORS: Final = ("all", "any", "none")
_MATCHES: Final = ("exact", "contains", "containsAll", "regex")
_STREAMED: Final = "stream-"
_KEPT: Final = """
    uploadFile listFiles retrieveFile deleteFile retrieveFileContent createBatch retrieveBatch cancelBatch listBatches
    getBatchOutput listFinetunes createFinetune retrieveFinetune cancelFinetune
"""
"""Portkey's names of what is asked of things that providers keep."""
_TYPES: Final = frozenset(
    (
        *_KEPT.split(),
        *(operation.request_type for operation in Operation),
        *CHAT_TYPES,
        *(f"{_STREAMED}{kind}" for kind in ("complete", *CHAT_TYPES)),
    )
)
"""Portkey's names, and those of what Portkey doesn't guard."""
_CHATS: Final = frozenset({"generateContent", "converse"})
"""Chats in wires that Portkey's gateway doesn't speak: who allows or blocks ``chatComplete`` means them, too."""


def _model_of(context: Context) -> str:
    body = context.request.json
    model = body.get("model") if isinstance(body, dict) else None
    return model if isinstance(model, str) else ""


def _is_listed(model: str, context: Context, models: Iterable[str]) -> bool:
    """Whether a model is in a list, as the request names it, with its provider before it, or without the virtual key
    that the name may begin with (``@my-key/gpt-5``)."""
    names = {model, f"{context.provider}/{model}", f"@{context.provider}/{model}"}
    if model.startswith("@") and "/" in model:
        names.add(model.partition("/")[2])
    return any(each in names for each in models)


def _model_whitelist(parameters: Parameters) -> Prepared:
    models = parameters.required_texts("models")
    inverts = parameters.switch("not")

    def judge(context: Context) -> Judgement:
        model = _model_of(context)
        data = {"not": inverts, "requestedModel": model or "No model specified", "allowedModels": list(models)}
        if not model:
            return could_not("The request names no model.", data={"explanation": "There is no model.", **data})
        is_listed = _is_listed(model, context, models)
        verdict = is_listed is not inverts
        explanation = f"The model '{model[:100]}' is {'' if is_listed else 'not '}in the list."
        return Judgement(verdict, {"verdict": verdict, "explanation": explanation, **data})

    return Prepared(judge, size=sum(map(len, models)))


def _model_rules(parameters: Parameters) -> Prepared:
    rules = parameters.object("rules")
    inverts = parameters.switch("not")
    if rules is None:
        parameters.complain("rules", "Required: an object with defaults, metadata, or both")
    inner = Parameters(rules or {}, f"{parameters.path}.rules", parameters.problems)
    defaults = inner.texts("defaults")
    by_metadata = _metadata_rules(inner)
    inner.refuse_unknown()

    def judge(context: Context) -> Judgement:
        model = _model_of(context)
        allowed = {
            name
            for key, lists in by_metadata.items()
            for value in _values(context.metadata.get(key))
            for name in lists.get(value, ())
        } or set(defaults)
        if not model or not allowed:
            return could_not("No rule says which models may be used.", data={"explanation": "No rule matches."})
        is_listed = "*" in allowed or _is_listed(model, context, allowed)
        verdict = is_listed is not inverts
        return Judgement(verdict, {"explanation": f"The model is {'' if is_listed else 'not '}among those allowed."})

    return Prepared(judge)


def _metadata_rules(inner: Parameters) -> dict[str, dict[str, tuple[str, ...]]]:
    rules: dict[str, dict[str, tuple[str, ...]]] = {}
    for key, values in (inner.object("metadata") or {}).items():
        if not isinstance(values, dict):
            inner.complain(f"metadata.{key}", "it must be an object: values, and the models of each")
            continue
        lists = Parameters(values, f"{inner.path}.metadata.{key}", inner.problems)
        rules[key] = {value: lists.texts(value) for value in values}
    return rules


def _values(value: Any) -> list[str]:
    """The values of a member of metadata, of which a list has several."""
    listed = value if isinstance(value, list) else [value]
    return [_text(each) for each in listed if each is not None]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _metadata_keys(parameters: Parameters) -> Prepared:
    keys = parameters.required_texts("metadataKeys")
    if parameters.has("metadataKeys") and not keys:
        parameters.complain("metadataKeys", "it must name at least one key")
    operator = parameters.choice("operator", _OPERATORS)

    def judge(context: Context) -> Judgement:
        found = [key for key in keys if key in context.metadata]
        return _by_operator(operator, keys, found, "metadata keys")

    return Prepared(judge, size=sum(map(len, keys)))


def _by_operator(operator: str, wanted: Iterable[str], found: list[str], what: str) -> Judgement:
    missing = [each for each in wanted if each not in found]
    verdict = {"all": not missing, "any": bool(found), "none": not found}[operator]
    data = {
        "explanation": f"{len(found)} {what} found, {len(missing)} missing; required: {operator}.",
        "missing_metadata_keys": missing,
        "found_metadata_keys": found,
        "operator": operator,
    }
    return Judgement(verdict, data)


def _metadata_pairs(parameters: Parameters) -> Prepared:
    pairs = parameters.object("metadataPairs")
    if not pairs:
        parameters.complain("metadataPairs", "Required: an object with at least one key")
    operator = parameters.choice("operator", _OPERATORS, "all")
    kind = parameters.choice("matchType", _MATCHES, "exact")
    wanted = {key: _values(value) for key, value in (pairs or {}).items()}
    patterns = {
        value: compiled(value, parameters, "metadataPairs")
        for values in (wanted.values() if kind == "regex" else ())
        for value in values
    }

    def matches(key: str, metadata: Mapping[str, Any]) -> bool:
        values = _values(metadata.get(key))
        match kind:
            case "exact":
                return any(value in wanted[key] for value in values)
            case "contains":
                return any(each in value for each in wanted[key] for value in values)
            case "containsAll":
                return all(any(each in value for value in values) for each in wanted[key])
            case _:
                found = [patterns[each] for each in wanted[key]]
                return any(
                    pattern is not None and pattern.compiled.search(value, timeout=seconds_for(value)) is not None
                    for pattern in found
                    for value in values
                )

    def judge(context: Context) -> Judgement:
        found = [key for key in wanted if matches(key, context.metadata)]
        return _by_operator(operator, wanted, found, "metadata pairs")

    return Prepared(judge)


def _types(parameters: Parameters, name: str) -> tuple[str, ...]:
    """Types of requests: a list, or texts between commas."""
    value = parameters.any(name)
    listed = tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else parameters.texts(name)
    for each in listed:
        if each and each not in _TYPES:
            parameters.complain(name, f"there is no type of requests '{each[:60]}'")
    return tuple(each for each in listed if each)


def _request_types(parameters: Parameters) -> Prepared:
    types = _types(parameters, "allowedTypes"), _types(parameters, "blockedTypes")
    # An empty text says nothing, an empty list that nothing is limited.
    says = any(parameters.any(name) not in (None, "") for name in ("allowedTypes", "blockedTypes"))
    both = set(types[0]) & set(types[1])
    if both:
        parameters.complain("allowedTypes", f"{min(both)} is allowed and blocked")

    def judge(context: Context) -> Judgement:
        metadata = context.operator_metadata
        allowed = types[0] or _listed(metadata.get("supported_endpoints"))
        blocked = types[1] or _listed(metadata.get("blocked_endpoints"))
        name = context.request_type
        problem = _undecided(name, allowed, blocked)
        if problem:
            result_data = {"allowedTypes": list(allowed), "blockedTypes": list(blocked)}
            return could_not(
                problem, data={"explanation": problem, "currentRequestType": name or "unknown", **result_data}
            )
        kinds = {name, "chatComplete"} if name in _CHATS else {name}
        names = kinds | {f"{_STREAMED}{each}" for each in kinds} if context.is_streaming else kinds
        verdict = names.isdisjoint(blocked) and (not allowed or not names.isdisjoint(allowed))
        source = "parameters" if says else "metadata" if allowed or blocked else "default"
        mode = ("combined" if blocked else "allowlist") if allowed else "blocklist" if blocked else "unrestricted"
        data: dict[str, Any] = {"currentRequestType": name}
        if allowed or not blocked:
            data["allowedTypes"] = list(allowed) or ["all"]
        if blocked:
            data["blockedTypes"] = list(blocked)
        explanation = f"Requests of type {name} are {'' if verdict else 'not '}allowed."
        data |= {"verdict": verdict, "explanation": explanation, "source": source, "mode": mode}
        return Judgement(verdict, data)

    return Prepared(judge)


def _undecided(name: str, allowed: Iterable[str], blocked: Iterable[str]) -> str:
    """Why the lists decide nothing; empty where they do."""
    both = set(allowed) & set(blocked)
    if both:
        return f"{min(both)[:60]} is allowed and blocked."
    return "" if name else "The type of the request is not known."


def _listed(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


CHECKS: Final = (
    Check("default.modelWhitelist", _model_whitelist, _BEFORE, fails_closed=True, reads=Reads.MODEL),
    Check("default.modelRules", _model_rules, _BEFORE, fails_closed=True, reads=Reads.MODEL),
    Check("default.requiredMetadataKeys", _metadata_keys, _BEFORE, fails_closed=True, reads=Reads.CALLER),
    Check("default.requiredMetadataKeyPairs", _metadata_pairs, _BEFORE, fails_closed=True, reads=Reads.CALLER),
    Check("default.allowedRequestTypes", _request_types, _BEFORE, fails_closed=True, reads=Reads.CALLER),
)
