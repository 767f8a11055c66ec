"""A config object without ``targets`` -> a ``Target``: provider, credential, host, parameters.

Source: docs/portkey.md#credentials, #precedence, #config-keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec

from penstock.core.address import AddressPolicy
from penstock.core.failure import Failure, Kind
from penstock.core.http import Url
from penstock.core.json_path import Path, parse_path
from penstock.core.secret import Secret
from penstock.core.virtual_key import VirtualKey
from penstock.routing import custom_host, permit, policies
from penstock.routing.breaker import BreakerPolicy
from penstock.routing.budget import DEEPEST_PATH, MOST_DROPPED, MOST_FORWARDED
from penstock.routing.fields import Fields
from penstock.routing.memo import Memo, digest_of
from penstock.routing.named_provider import named_provider
from penstock.routing.plan import Target
from penstock.routing.problems import Refused, entry, is_in_config
from penstock.routing.rules import HeaderSettings, Rules

_ACCOUNT: Final = "vertex_service_account_json"
ROUTING_KEYS: Final = frozenset(
    """
    strategy targets name weight provider api_key virtual_key prompt_id cache retry on_status_codes request_timeout
    custom_host forward_headers override_params default_params drop_params strict_open_ai_compliance
    input_guardrails output_guardrails before_request_hooks after_request_hooks input_mutators output_mutators
    default_input_guardrails default_output_guardrails metadata id cb_config is_open passthrough deployments
    fetch_integrated_models timeouts stream_rescue unsupported_params strip_model_prefix
    """.split()
)
"""The keys of a config. Every other key is a provider-specific setting."""
GUARD_KEYS: Final = (
    frozenset({"before_request_hooks", "input_guardrails", "input_mutators"}),
    frozenset({"after_request_hooks", "output_guardrails", "output_mutators"}),
)
"""The keys that hold the guards of requests, and those of answers."""
_HOOKS: Final = GUARD_KEYS[0] | GUARD_KEYS[1]
_LATER: Final = "this setting is not available in this release: leave it out"
_NO_EFFECT: Final = "a default in a config has no effect: send the header x-portkey-default-{}-guardrails"
REFUSED_KEYS: Final = {
    "prompt_id": _LATER,
    "default_input_guardrails": _NO_EFFECT.format("input"),
    "default_output_guardrails": _NO_EFFECT.format("output"),
}
"""Keys of Portkey's configs that are refused, not ignored in silence, and why."""


class LeafBuilder:
    """Makes the targets of one plan. A target without a credential borrows the credential of the request's headers, if
    the target's address is in ``lends_to`` (None: any address).

    The credential of the headers is meant for one provider at one address. ``borrowers`` collects the addresses of the
    targets that borrow: first the addresses that need a credential, then the ones that work without a credential.
    """

    def __init__(self, headers: HeaderSettings, rules: Rules, *, lends_to: frozenset[str] | None = None) -> None:
        self._headers = headers
        self._rules = rules
        self._lends_to = lends_to
        self._known = ROUTING_KEYS | rules.settings
        self._memo = Memo()
        self._paths_by_text: dict[str, Path | str] = {}
        self.borrowers: tuple[set[str], set[str]] = (set(), set())

    def lends_to(self) -> frozenset[str] | None:
        """The addresses that may borrow, once all targets are built; None if at most one address borrows."""
        needy, undemanding = self.borrowers
        if len(needy | undemanding) <= 1:
            return None
        return frozenset(needy) if len(needy) == 1 else frozenset()

    def check_keys(self, fields: Fields) -> None:
        """Refuse unsupported keys and misspelled keys. Any other unknown key may be a provider's setting."""
        refused = REFUSED_KEYS if self._rules.guards is not None else {**dict.fromkeys(_HOOKS, _LATER), **REFUSED_KEYS}
        for key in refused.keys() & fields.values.keys():
            if fields.values[key] is not None:
                fields.complain(key, refused[key])
        fields.check_keys(self._known)

    def target(self, fields: Fields, *, tracked: bool, guarded: bool) -> Target:
        """The target that a config object describes. ``guarded``: whether the object's strategy allows a breaker."""
        self.check_keys(fields)
        memo = self._memo
        overrides = self._params(fields, "override_params")
        named, overrides = named_provider(fields, overrides, self._headers, self._rules)
        provider, key, from_config = named.provider, named.key, named.from_config
        host = self._custom_host(fields, key)
        address = f"{provider} {host.origin.authority if host else ''}"
        api_key = key.credential if key else self._credential(fields, address, from_config=from_config)
        options = self._options(fields, key, from_config=from_config)
        is_operators_key = key is not None or (named.by_operator and self._holds_credential(fields))
        breaker = memo.read(policies.breaker, fields, "cb_config") if guarded else None
        policy = memo.of("policy", breaker, lambda: _policy(breaker, self._headers.request_timeout))
        return Target(
            path=fields.path,
            provider=provider,
            api_key=api_key,
            custom_host=host,
            options=options,
            override_params=overrides,
            default_params=self._default_params(fields, key),
            drop_params=memo.of("paths", fields.values.get("drop_params"), lambda: self._paths(fields)),
            model_prefix=fields.text("strip_model_prefix") or "",
            forward_headers=self._forward_headers(fields, key, is_operators_key=is_operators_key),
            request_timeout=self._request_timeout(fields),
            strict=self._headers.strict and fields.switch("strict_open_ai_compliance") is not False,
            rejects_unsupported=_unsupported(fields) == "reject",
            drops_material=_unsupported(fields) == "drop",
            timeouts=memo.read(policies.timeouts, fields, "timeouts"),
            retry=memo.read(policies.retry, fields, "retry"),
            cache=memo.read(policies.cache, fields, "cache"),
            rescue=memo.read(policies.rescue, fields, "stream_rescue"),
            breaker=breaker,
            is_open=guarded and fields.switch("is_open") is True,
            is_tracked=tracked or breaker is not None,
            virtual_key=key.name if key else None,
            end=key.end if key else None,
            custom_headers=key.headers if key else {},
            models=key.models if key else None,
            key_models=self._rules.permissions.models,
            is_operators=key is not None or named.by_operator,
            identity=self._identity(address, api_key, _settings(options, key), overrides.get("model", b""), policy),
            address=address,
            guards=None if self._rules.guards is None else self._rules.guards.guards(fields, self._headers),
        )

    def _credential(self, fields: Fields, borrower: str, *, from_config: bool) -> Secret | None:
        """The target's credential: the config's ``api_key`` if the config names the provider, else the Authorization
        header first (docs/portkey.md#credentials)."""
        headers, text = self._headers, fields.text("api_key")
        # The api_key of a saved config is for the provider in the same config.
        own = Secret(text) if text and (from_config or not headers.is_saved) else None
        with fields.budget.problems.collected():
            self._refuse_gateway_key(text, fields.at("api_key"))
        if own is not None and (from_config or headers.authorization is None):
            return own
        self.borrowers[borrower.split(" ")[0] in self._rules.undemanding].add(borrower)
        if self._lends_to is not None and borrower not in self._lends_to:
            return own
        return headers.authorization or headers.api_key

    def _custom_host(self, fields: Fields, key: VirtualKey | None) -> Url | None:
        # A header wins over every custom_host of the config (docs/portkey.md#precedence),
        # but never sends an operator's credential away.
        if key is not None:
            return self._host_of(key, fields)
        in_config = fields.text("custom_host")
        from_header = None if self._headers.is_saved else self._headers.custom_host
        text = from_header or in_config
        if not text:
            return None
        where = "x-portkey-custom-host" if from_header else fields.at("custom_host")
        with fields.budget.problems.collected():
            return self._judged_host(text, where)
        return None

    def _host_of(self, key: VirtualKey, fields: Fields) -> Url | None:
        """The address of a virtual key. It is trusted unless it was named through the admin API."""
        if key.base_url is None:
            return None
        if not key.judges_host:
            return Url.parse(key.base_url, trusted=True)
        policy = self._rules.saved_policy or self._rules.policy
        with fields.budget.problems.collected():
            return self._allowed(key.base_url, policy, f"the virtual key '{key.name}'")
        return None

    def _judged_host(self, text: str, where: str) -> Url:
        """The address that a caller or a saved config names. Raises Refused."""
        policy = self._rules.policy
        if self._headers.is_saved:
            policy = self._rules.saved_policy or policy
        else:
            permit.check_custom_host(self._rules.permissions, where)
            self._refuse_gateway_key(text, where)
        return self._allowed(text, policy, where)

    def _allowed(self, text: str, policy: AddressPolicy, where: str) -> Url:
        """An address that a policy allows. Raises Refused."""
        url = self._memo.of("custom host", text, partial(custom_host.judge, text, policy))
        if isinstance(url, Url):
            return url
        text = (
            f"The custom host in {where} is refused: {url}. If the gateway's operator trusts it, add it to the "
            "trusted_hosts setting."
        )
        plain = "Invalid custom host"
        details = (entry(where, plain),) if is_in_config(where) else ()
        raise Refused(Failure(Kind.INVALID_CUSTOM_HOST, text, where, plain, details=details))

    def _options(self, fields: Fields, key: VirtualKey | None, *, from_config: bool) -> Mapping[str, str]:
        """Provider-specific settings. Some are addresses, so a virtual key takes no setting from the caller."""
        memo, is_saved = self._memo, self._headers.is_saved
        settings: Mapping[str, str] = memo.of("settings", fields.settings, lambda: self._settings(fields.settings))
        memo.of("without gateway keys", fields.settings, lambda: self._refuse_gateway_keys(settings, fields))
        above = {} if from_config or key is not None else self._headers.options
        hosts = self._rules.host_settings
        with fields.budget.problems.collected():
            if not hosts.isdisjoint(above):
                name = min(hosts & above.keys()).replace("_", "-")
                permit.check_custom_host(self._rules.permissions, f"x-portkey-{name}")
            if not (is_saved or key is not None or hosts.isdisjoint(settings)):
                permit.check_custom_host(self._rules.permissions, fields.at(min(hosts & settings.keys())))
        if key is not None and not is_saved:
            return key.options
        if is_saved and not from_config:
            # The credentials of a saved config are for the provider in the same config, and for its address.
            settings = memo.of("without secrets", settings, lambda: self._without_secrets(settings))
        if key is not None:
            fields.budget.inherited(len(settings))
            return {**settings, **key.options}
        return memo.of("with headers", settings, lambda: {**above, **settings}) if above else settings

    def _without_secrets(self, settings: Mapping[str, str]) -> dict[str, str]:
        return {name: value for name, value in settings.items() if name not in self._rules.secrets}

    def _settings(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Settings as texts. A setting that is none, such as a list, means nothing to any provider."""
        settings = {
            name: str(value)
            for name, value in values.items()
            if isinstance(value, str | int | float) and not isinstance(value, bool)
        }
        account = values.get(_ACCOUNT)
        if isinstance(account, dict):
            memo = self._memo
            settings[_ACCOUNT] = memo.of("account", account, lambda: memo.encoded(account).decode())
        return settings

    def _holds_credential(self, fields: Fields) -> bool:
        """Whether a config object holds a credential itself."""
        return bool(fields.text("api_key")) or not self._rules.secrets.isdisjoint(fields.values)

    def _refuse_gateway_key(self, text: str | None, where: str) -> None:
        """Refuse a value of the caller's that would show a provider a key of this gateway."""
        is_gateway_key = self._rules.is_gateway_key
        if not text or is_gateway_key is None or self._headers.is_saved:
            return
        if self._memo.of("gateway key", text, lambda: is_gateway_key(text)):
            raise permit.refuse_gateway_key(where)

    def _refuse_gateway_keys(self, settings: Mapping[str, str], fields: Fields) -> None:
        for name, value in settings.items():
            with fields.budget.problems.collected():
                self._refuse_gateway_key(value, fields.at(name))

    def _request_timeout(self, fields: Fields) -> float | None:
        own = fields.number("request_timeout") or None
        return own if self._headers.request_timeout is None else self._headers.request_timeout

    def _forward_headers(self, fields: Fields, key: VirtualKey | None, *, is_operators_key: bool) -> tuple[str, ...]:
        """The headers to forward. With a credential of the operator's, a caller chooses no account by a header, unless
        the virtual key allows the header."""
        names, is_callers = self._headers.forward_headers, True
        if names is None:
            names = self._memo.read(_forwarded, fields, "forward_headers")
            is_callers = not self._headers.is_saved
        else:
            self._memo.read(_names, fields, "forward_headers")
        if not (is_operators_key and is_callers):
            return names
        allowed = () if key is None else key.forward_headers
        return tuple(name for name in names if name not in permit.ACCOUNT_HEADERS or name in allowed)

    def _params(self, fields: Fields, key: str) -> dict[str, bytes]:
        """Parameters by name, each value as JSON. Targets that inherit the same parameters share them."""
        raw = fields.object(key)
        if raw is None:
            return {}
        encoded = self._memo.encoded
        values = raw.values
        return self._memo.of("params", values, lambda: {name: encoded(item) for name, item in values.items()})

    def _paths(self, fields: Fields) -> tuple[Path, ...]:
        texts = fields.texts("drop_params")
        if texts is None:
            return ()
        if len(texts) > MOST_DROPPED:
            fields.complain("drop_params", f"there are more than {MOST_DROPPED}")
            return ()
        paths = []
        for index, text in enumerate(fields.values["drop_params"]):
            if isinstance(text, str):
                path = self._paths_by_text.get(text)
                if path is None:
                    path = self._paths_by_text[text] = _path(text)
                if isinstance(path, str):
                    fields.complain("drop_params", path, index=index)
                else:
                    paths.append(path)
        return tuple(paths)

    def _default_params(self, fields: Fields, key: VirtualKey | None) -> Mapping[str, bytes]:
        own = self._params(fields, "default_params")
        if key is None or not key.default_params:
            return own
        if not own:
            return key.default_params
        fields.budget.inherited(len(key.default_params) + len(own))
        return {**key.default_params, **own}

    def _identity(self, address: str, key: Secret | None, options: Mapping[str, str], model: bytes, policy: str) -> str:
        """A digest of the values that define a target's health: two targets with the same digest share their health."""
        memo = self._memo
        parts = (
            memo.digest(address),
            memo.digest(key.reveal()) if key else "",
            memo.of("identity", options, lambda: _text_of(options, memo)),
            memo.digest(model),
            policy,
        )
        return digest_of("\x00".join(parts).encode())


def _settings(options: Mapping[str, str], key: VirtualKey | None) -> Mapping[str, str]:
    """What makes a target another one beside its address and credential: its options, and its own headers."""
    if key is None or not key.headers:
        return options
    return {**options, **{f"{name}:": value.reveal() for name, value in key.headers.items()}}


def _text_of(options: Mapping[str, str], memo: Memo) -> str:
    """A short text for options: equal for equal options."""
    pairs = sorted([(name, memo.digest(value)) for name, value in options.items()])
    return memo.digest(msgspec.json.encode(pairs))


def own_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that are no keys of a config's own, but a provider's settings."""
    return {key: value for key, value in values.items() if key not in ROUTING_KEYS}


def _unsupported(fields: Fields) -> str:
    """``unsupported_params``: what the provider has no word for is dropped and named, or is a 400. Empty: parameters
    are dropped, material of messages is a 400."""
    choice = fields.text("unsupported_params") or ""
    if choice not in {"", "drop", "reject"}:
        fields.complain("unsupported_params", "it must be drop or reject")
    return choice


def _names(fields: Fields) -> tuple[str, ...]:
    return fields.texts("forward_headers") or ()


def _forwarded(fields: Fields) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in _names(fields))
    if len(names) > MOST_FORWARDED:
        fields.complain("forward_headers", f"there are more than {MOST_FORWARDED}")
    if "x-portkey-forward-headers" in names:
        plain = "forward_headers must not contain the 'x-portkey-forward-headers' header"
        fields.complain("forward_headers", "it lists itself", plain=plain)
    return names


def _path(text: str) -> Path | str:
    """The path that a text says, or the problem with it."""
    try:
        path = parse_path(text)
    except ValueError:
        return "it must be a path such as a.b or tools[*].x"
    return path if len(path) <= DEEPEST_PATH else f"the path has more than {DEEPEST_PATH} steps"


def _policy(breaker: BreakerPolicy | None, callers_timeout: float | None) -> str:
    """What decides whether an attempt counts as a failure: targets that differ in it have a health of their own.

    A caller can send a time limit with a saved config: what fails under a limit of a millisecond says nothing to those
    who wait longer.
    """
    if breaker is None:
        return f"{callers_timeout}"
    codes = None if breaker.failure_status_codes is None else sorted(breaker.failure_status_codes)
    return repr((msgspec.structs.replace(breaker, failure_status_codes=None), codes, callers_timeout))
