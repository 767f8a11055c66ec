"""Config JSON and routing headers -> Plan. Inheritance is applied once, here; errors carry the JSON path.

The config is Portkey's (spec 3); both spellings of a key, snake_case and camelCase, are the same key, and every rule
looks at the key after that was settled. What the headers say arrives as a ``Given``; which of the two wins is spec 2.5.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from penstock.core.address import AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.http import Url
from penstock.core.secret import Secret
from penstock.core.unreadable import UNREADABLE
from penstock.routing import custom_host
from penstock.routing.plan import Plan, Target


class Given(msgspec.Struct, frozen=True):
    """What the request's headers say about routing. ``request_timeout`` is in milliseconds.

    ``authorization`` and ``api_key`` are the credentials of the Authorization and x-portkey-api-key headers, None where
    a header is absent or holds an SDK's placeholder.
    """

    provider: str | None = None
    authorization: Secret | None = None
    api_key: Secret | None = None
    custom_host: str | None = None
    request_timeout: float | None = None
    forward_headers: tuple[str, ...] | None = None
    strict: bool = True
    options: Mapping[str, str] = {}


class Rules(msgspec.Struct, frozen=True):
    """What a plan is checked against: the providers there are, and the hosts that callers may name."""

    providers: Collection[str]
    policy: AddressPolicy


_KEYS: Final = frozenset(
    """
    strategy targets name weight provider api_key virtual_key prompt_id cache retry on_status_codes request_timeout
    custom_host forward_headers override_params default_params drop_params strict_open_ai_compliance
    input_guardrails output_guardrails before_request_hooks after_request_hooks input_mutators output_mutators
    default_input_guardrails default_output_guardrails metadata id cb_config is_open passthrough deployments
    fetch_integrated_models
    """.split()
)
_NOT_YET: Final = (
    "retry cache virtual_key drop_params input_guardrails output_guardrails before_request_hooks after_request_hooks "
    "input_mutators output_mutators default_input_guardrails default_output_guardrails cb_config passthrough"
).split()
_VERBATIM: Final = frozenset({"override_params", "default_params", "vertex_service_account_json"})
_PLAIN_INVALID: Final = "Invalid config passed"
_PLAIN_NO_PROVIDER: Final = (
    "Either x-portkey-provider needs to be passed. Or the x-portkey-config header should have a valid config with "
    "provider details in it."
)


class _Refused(Exception):
    def __init__(self, failure: Failure) -> None:
        self.failure = failure


def parse(config: bytes | None, given: Given, rules: Rules) -> Plan | Failure:
    """The plan for a request, or the failure to answer with (400)."""
    try:
        if config is None:
            return _target({}, "config", given, rules)
        return _node(_decode(config), "config", given, rules)
    except _Refused as refused:
        return refused.failure
    except RecursionError:
        return Failure(Kind.INVALID_CONFIG, "The config is nested too deeply.", "config", _PLAIN_INVALID)


def _decode(config: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(config)
    except UNREADABLE as error:
        hint = "" if config.lstrip()[:1] in b"{[" else " Ids of saved configs are not known to this gateway."
        raise _refuse(
            "config",
            f"it is not valid JSON ({error}).{hint}",
            plain="Invalid config passed. You need to pass a valid json",
        ) from None
    if not isinstance(value, dict):
        raise _refuse("config", "it must be a JSON object")
    settled: dict[str, Any] = _snake_case(value)
    return settled


def _node(config: dict[str, Any], path: str, given: Given, rules: Rules) -> Plan:
    if "options" in config:
        plain = "This version of config is not supported in this route. Please migrate to the latest version"
        raise _refuse(f"{path}.options", "this form of config is retired; use strategy and targets", plain=plain)
    _check_keys(config, path)
    targets = config.get("targets")
    mode = _mode(config.get("strategy"), path)
    if targets is None:
        return _target(config, path, given, rules)
    if not isinstance(targets, list) or not all(isinstance(item, dict) for item in targets):
        raise _refuse(f"{path}.targets", "it must be an array of objects")
    if not targets:
        raise _refuse(f"{path}.targets", "it holds no target")
    if len(targets) > 1 and mode is None:
        raise _refuse(f"{path}.strategy.mode", "several targets need a strategy")
    outer = {key: value for key, value in config.items() if key not in {"strategy", "targets", "name", "weight"}}
    return _node(_inherit(outer, targets[0]), f"{path}.targets[0]", given, rules)


def _mode(strategy: Any, path: str) -> str | None:
    if strategy is None:
        return None
    mode = strategy.get("mode") if isinstance(strategy, dict) else strategy
    if mode in ("fallback", "loadbalance", "conditional"):
        raise _refuse(f"{path}.strategy.mode", f"mode '{mode}' is not available in this release: use 'single'")
    if mode != "single":
        expected = "Invalid 'mode' value. Must be one of: single, loadbalance, fallback, conditional"
        raise _refuse(f"{path}.strategy.mode", expected, plain=_PLAIN_INVALID)
    return "single"


def _inherit(outer: dict[str, Any], inner: dict[str, Any]) -> dict[str, Any]:
    """An inner config with what it takes from its parent: everything it doesn't say itself, parameters merged."""
    merged = {**outer, **inner}
    for key in ("override_params", "default_params"):
        if isinstance(outer.get(key), dict) and isinstance(inner.get(key), dict):
            merged[key] = {**outer[key], **inner[key]}
    return merged


def _target(config: dict[str, Any], path: str, given: Given, rules: Rules) -> Target:
    from_config = config.get("provider") is not None
    provider = _string(config, "provider", path) or given.provider
    if provider is None:
        raise _Refused(
            Failure(
                Kind.MISSING_PROVIDER,
                "Neither x-portkey-provider nor the config names a provider: add one of them.",
                param="x-portkey-provider",
                plain=_PLAIN_NO_PROVIDER,
            )
        )
    if provider not in rules.providers:
        raise _unknown_provider(provider, f"{path}.provider" if from_config else "x-portkey-provider", rules)
    return Target(
        path=path,
        provider=provider,
        api_key=_api_key(config, path, given, from_config=from_config),
        custom_host=_custom_host(config, path, given, rules),
        options={**({} if from_config else given.options), **_options(config)},
        override_params=_params(config, "override_params", path),
        default_params=_params(config, "default_params", path),
        forward_headers=_forward_headers(config, path, given),
        request_timeout=_timeout(config, path, given),
        strict=given.strict and _boolean(config, "strict_open_ai_compliance", path),
    )


def _check_keys(config: dict[str, Any], path: str) -> None:
    for key, value in config.items():
        if key in _NOT_YET and value is not None:
            raise _refuse(f"{path}.{key}", "this setting is not available in this release: leave it out")
        if key in _KEYS:
            continue
        near = difflib.get_close_matches(key, _KEYS, 1, 0.85)
        if near:
            raise _refuse(f"{path}.{key}", f"there is no such setting: did you mean '{near[0]}'?")


def _options(config: dict[str, Any]) -> dict[str, str]:
    """Provider-specific settings: every scalar under a name that is no routing key."""
    return {
        key: str(value)
        for key, value in config.items()
        if key not in _KEYS and isinstance(value, str | int | float) and not isinstance(value, bool)
    }


def _custom_host(config: dict[str, Any], path: str, given: Given, rules: Rules) -> Url | None:
    # A header wins over every custom_host of the config (spec 2.5).
    text = given.custom_host or _string(config, "custom_host", path)
    if not text:
        return None
    url = custom_host.judge(text, rules.policy)
    if isinstance(url, Url):
        return url
    where = "x-portkey-custom-host" if given.custom_host else f"{path}.custom_host"
    raise _Refused(
        Failure(
            Kind.INVALID_CUSTOM_HOST,
            f"The custom host in {where} is refused: {url}. If the gateway's operator trusts it, add it to the "
            "trusted_hosts setting.",
            param=where,
            plain="Invalid custom host",
        )
    )


def _timeout(config: dict[str, Any], path: str, given: Given) -> float | None:
    if given.request_timeout is not None:
        return given.request_timeout
    value = config.get("request_timeout")
    if value is None or value == 0:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refuse(f"{path}.request_timeout", f"Expected number, received {_type_name(value)}", schema=True)
    return float(value)


def _forward_headers(config: dict[str, Any], path: str, given: Given) -> tuple[str, ...]:
    if given.forward_headers is not None:
        return given.forward_headers
    value = config.get("forward_headers") or []
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _refuse(f"{path}.forward_headers", "Expected array of strings", schema=True)
    return tuple(name.strip().lower() for name in value)


def _params(config: dict[str, Any], key: str, path: str) -> dict[str, bytes]:
    value = config.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _refuse(f"{path}.{key}", f"Expected object, received {_type_name(value)}", schema=True)
    return {name: msgspec.json.encode(item) for name, item in value.items()}


def _string(config: dict[str, Any], key: str, path: str) -> str | None:
    value = config.get(key)
    if value is None or isinstance(value, str):
        return value
    raise _refuse(f"{path}.{key}", f"Expected string, received {_type_name(value)}", schema=True)


def _api_key(config: dict[str, Any], path: str, given: Given, *, from_config: bool) -> Secret | None:
    """A config that names its provider brings its key; otherwise the Authorization header comes first (spec 2.2)."""
    text = _string(config, "api_key", path)
    own = Secret(text) if text else None
    first, second = (own, given.authorization) if from_config else (given.authorization, own)
    return first or second or given.api_key


def _boolean(config: dict[str, Any], key: str, path: str) -> bool:
    value = config.get(key)
    if value is None:
        return True
    if not isinstance(value, bool):
        raise _refuse(f"{path}.{key}", f"Expected boolean, received {_type_name(value)}", schema=True)
    return value


def _unknown_provider(provider: str, where: str, rules: Rules) -> _Refused:
    near = difflib.get_close_matches(provider, rules.providers, 1, 0.5)
    hint = f"did you mean '{near[0]}'?" if near else "'penstock providers' lists the ones there are."
    return _Refused(
        Failure(
            Kind.UNKNOWN_PROVIDER,
            f"There is no provider '{provider[:64]}': {hint} Any other OpenAI-compatible server: provider openai with "
            "x-portkey-custom-host.",
            param=where,
            plain="Invalid provider passed" if where == "x-portkey-provider" else _PLAIN_INVALID,
        )
    )


def _refuse(path: str, reason: str, *, plain: str = _PLAIN_INVALID, schema: bool = False) -> _Refused:
    """A refused config. Schema failures also carry the reference's wording, with its comma path (spec 2.1)."""
    where = ",".join(re.findall(r"[^.\[\]]+", path)[1:])
    details = (f"path: {where}, message: {reason}",) if schema or plain == _PLAIN_INVALID else ()
    return _Refused(
        Failure(Kind.INVALID_CONFIG, f"The config is not valid at {path}: {reason}.", path, plain, details=details)
    )


_TYPE_NAMES: Final = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}


def _type_name(value: object) -> str:
    return _TYPE_NAMES.get(type(value), "null")


def _snake_case(value: Any) -> Any:
    """Settle both spellings to snake_case, at every depth but inside parameters that are sent as they are."""
    if isinstance(value, list):
        return [_snake_case(item) for item in value]
    if not isinstance(value, dict):
        return value
    settled: dict[str, Any] = {}
    for key, item in value.items():
        name = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: "_" + found[1].lower(), key)
        name = "strict_open_ai_compliance" if name in {"strict_openai_compliance", "strict_open_aicompliance"} else name
        settled[name] = item if name in _VERBATIM else _snake_case(item)
    return settled
