"""A config object without ``targets`` -> a ``Target``: provider, credential, host, parameters.

Source: docs/portkey.md#credentials, #precedence, #config-keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from penstock.core.address import AddressPolicy
from penstock.core.did_you_mean import hint
from penstock.core.failure import Failure, Kind
from penstock.core.http import Url
from penstock.core.json_path import Path, parse_path
from penstock.core.secret import Secret
from penstock.core.virtual_key import VirtualKey
from penstock.routing import custom_host, policies
from penstock.routing.fields import PLAIN_INVALID, Fields, Refused, refuse
from penstock.routing.plan import Target

_PLAIN_NO_PROVIDER: Final = (
    "Either x-portkey-provider needs to be passed. Or the x-portkey-config header should have a valid config with "
    "provider details in it."
)
ROUTING_KEYS: Final = frozenset(
    """
    strategy targets name weight provider api_key virtual_key prompt_id cache retry on_status_codes request_timeout
    custom_host forward_headers override_params default_params drop_params strict_open_ai_compliance
    input_guardrails output_guardrails before_request_hooks after_request_hooks input_mutators output_mutators
    default_input_guardrails default_output_guardrails metadata id cb_config is_open passthrough deployments
    fetch_integrated_models timeouts stream_rescue unsupported_params
    """.split()
)
"""The keys of a config. Every other key is a provider-specific setting."""
_NOT_YET: Final = frozenset(
    """
    input_guardrails output_guardrails before_request_hooks after_request_hooks input_mutators output_mutators
    default_input_guardrails default_output_guardrails prompt_id
    """.split()
)
"""Keys of Portkey's configs that Penstock does not support yet. They are refused, not ignored in silence."""


class HeaderSettings(msgspec.Struct, frozen=True):
    """The routing settings of the request's headers. ``request_timeout`` is in milliseconds.

    ``authorization`` and ``api_key`` are the credentials of the Authorization and x-portkey-api-key headers, None where
    a header is absent or holds an SDK's placeholder. ``provider`` is a slug, or ``@NAME`` of a virtual key.
    ``is_saved``: the config is saved by the operator, so no header may send the config's credentials to another host.
    """

    provider: str | None = None
    authorization: Secret | None = None
    api_key: Secret | None = None
    custom_host: str | None = None
    request_timeout: float | None = None
    forward_headers: tuple[str, ...] | None = None
    strict: bool = True
    options: Mapping[str, str] = {}
    is_saved: bool = False


class Rules(msgspec.Struct, frozen=True):
    """The rules for a plan: the providers' slugs, the hosts that callers may name, the virtual keys.

    ``settings`` are the names of the providers' own settings, which no misspelling of a routing key must be seen in.
    ``undemanding`` are the providers that can be called without a credential.
    """

    providers: Collection[str]
    policy: AddressPolicy
    virtual_keys: Mapping[str, VirtualKey] = {}
    settings: frozenset[str] = frozenset()
    undemanding: frozenset[str] = frozenset()


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
        self.borrowers: tuple[set[str], set[str]] = (set(), set())

    def lends_to(self) -> frozenset[str] | None:
        """The addresses that may borrow, once all targets are built; None if at most one address borrows."""
        needy, undemanding = self.borrowers
        if len(needy | undemanding) <= 1:
            return None
        return frozenset(needy) if len(needy) == 1 else frozenset()

    def check_keys(self, fields: Fields) -> None:
        """Refuse unsupported keys and misspelled keys. Any other unknown key may be a provider's setting."""
        for key in _NOT_YET & fields.values.keys():
            if fields.values[key] is not None:
                raise refuse(fields.at(key), "this setting is not available in this release: leave it out")
        fields.check_keys(ROUTING_KEYS | self._rules.settings)

    def target(self, fields: Fields, *, tracked: bool, guarded: bool) -> Target:
        """The target that a config object describes. ``guarded``: whether the object's strategy allows a breaker."""
        self.check_keys(fields)
        headers = self._headers
        overrides = _params(fields, "override_params")
        provider_name, overrides = _provider(fields, overrides)
        from_config = provider_name is not None
        provider_name = provider_name or headers.provider
        if provider_name is None:
            raise _no_provider()
        key = self._virtual_key(provider_name[1:], fields) if provider_name.startswith("@") else None
        provider = key.provider if key else provider_name
        if provider not in self._rules.providers:
            where = fields.at("provider") if from_config else "x-portkey-provider"
            raise _unknown_provider(provider, where, self._rules)
        host = self._custom_host(fields, key)
        address = f"{provider} {host.origin.authority if host else ''}"
        api_key = key.credential if key else self._credential(fields, address, from_config=from_config)
        options = self._options(fields, key, from_config=from_config)
        breaker = policies.breaker(fields) if guarded else None
        return Target(
            path=fields.path,
            provider=provider,
            api_key=api_key,
            custom_host=host,
            options=options,
            override_params=overrides,
            default_params={**(key.default_params if key else {}), **_params(fields, "default_params")},
            drop_params=_paths(fields),
            forward_headers=self._forward_headers(fields),
            request_timeout=self._request_timeout(fields),
            strict=headers.strict and fields.switch("strict_open_ai_compliance") is not False,
            rejects_unsupported=_unsupported(fields) == "reject",
            drops_material=_unsupported(fields) == "drop",
            timeouts=policies.timeouts(fields),
            retry=policies.retry(fields),
            cache=policies.cache(fields),
            rescue=policies.rescue(fields),
            breaker=breaker,
            is_open=guarded and fields.switch("is_open") is True,
            is_tracked=tracked or breaker is not None,
            virtual_key=key.name if key else None,
            models=key.models if key else None,
            identity=_identity(address, api_key, options, overrides.get("model", b"")),
            address=address,
        )

    def _virtual_key(self, name: str, fields: Fields) -> VirtualKey:
        rules = self._rules
        virtual_key = rules.virtual_keys.get(name)
        if virtual_key is None:
            otherwise = "they are set in penstock.toml, [virtual_keys.NAME]."
            way_out = hint(name, rules.virtual_keys, otherwise, quote="'")
            text = f"There is no virtual key '{name[:64]}': {way_out}"
            raise Refused(Failure(Kind.UNKNOWN_VIRTUAL_KEY, text, fields.at("virtual_key"), PLAIN_INVALID))
        return virtual_key

    def _credential(self, fields: Fields, borrower: str, *, from_config: bool) -> Secret | None:
        """The target's credential: the config's ``api_key`` if the config names the provider, else the Authorization
        header first (docs/portkey.md#credentials)."""
        headers, text = self._headers, fields.text("api_key")
        # The api_key of a saved config is for the provider in the same config.
        own = Secret(text) if text and (from_config or not headers.is_saved) else None
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
            return None if key.base_url is None else Url.parse(key.base_url, trusted=True)
        from_header = None if self._headers.is_saved else self._headers.custom_host
        text = from_header or fields.text("custom_host")
        if not text:
            return None
        url = custom_host.judge(text, self._rules.policy)
        if isinstance(url, Url):
            return url
        where = "x-portkey-custom-host" if from_header else fields.at("custom_host")
        text = (
            f"The custom host in {where} is refused: {url}. If the gateway's operator trusts it, add it to the "
            "trusted_hosts setting."
        )
        raise Refused(Failure(Kind.INVALID_CUSTOM_HOST, text, where, "Invalid custom host"))

    def _options(self, fields: Fields, key: VirtualKey | None, *, from_config: bool) -> dict[str, str]:
        """Provider-specific settings. Some are addresses, so a virtual key takes no setting from the caller."""
        settings = {
            name: str(value)
            for name, value in fields.values.items()
            if name not in ROUTING_KEYS and isinstance(value, str | int | float) and not isinstance(value, bool)
        }
        account = fields.values.get("vertex_service_account_json")
        if isinstance(account, dict):
            settings["vertex_service_account_json"] = msgspec.json.encode(account).decode()
        if key is not None:
            return {**(settings if self._headers.is_saved else {}), **key.options}
        return settings if from_config else {**self._headers.options, **settings}

    def _request_timeout(self, fields: Fields) -> float | None:
        own = fields.number("request_timeout") or None
        return own if self._headers.request_timeout is None else self._headers.request_timeout

    def _forward_headers(self, fields: Fields) -> tuple[str, ...]:
        names = fields.texts("forward_headers") or ()
        if self._headers.forward_headers is not None:
            return self._headers.forward_headers
        lowered = tuple(name.strip().lower() for name in names)
        if "x-portkey-forward-headers" in lowered:
            plain = "forward_headers must not contain the 'x-portkey-forward-headers' header"
            raise refuse(fields.at("forward_headers"), "it lists itself", plain=plain)
        return lowered


def names_provider(values: Mapping[str, Any]) -> bool:
    """Whether a config object names a provider itself: by ``provider``, ``virtual_key`` or a model ``@NAME/model``."""
    overrides = values.get("override_params")
    model = overrides.get("model") if isinstance(overrides, dict) else None
    return bool(values.get("provider") or values.get("virtual_key") or _slug(model))


def _provider(fields: Fields, overrides: dict[str, bytes]) -> tuple[str | None, dict[str, bytes]]:
    """The provider or ``@NAME`` of the object, and its overrides. A model ``@NAME/model`` becomes ``model``."""
    raw = fields.values.get("override_params")
    slug = _slug(raw.get("model")) if isinstance(raw, dict) else None
    virtual_key, provider = fields.text("virtual_key"), fields.text("provider")
    if slug is not None and not (virtual_key or provider):
        name, model = slug
        return f"@{name}", {**overrides, "model": msgspec.json.encode(model)}
    if virtual_key:
        return f"@{virtual_key.removeprefix('@')}", overrides
    return provider, overrides


def _slug(model: object) -> tuple[str, str] | None:
    """``@NAME/model`` as its two parts; a model may hold further slashes."""
    if not isinstance(model, str) or not model.startswith("@"):
        return None
    name, slash, rest = model[1:].partition("/")
    return (name, rest) if slash and name and rest else None


def _params(fields: Fields, key: str) -> dict[str, bytes]:
    parameters = fields.object(key)
    return {} if parameters is None else {name: msgspec.json.encode(item) for name, item in parameters.values.items()}


def _unsupported(fields: Fields) -> str:
    """``unsupported_params``: what the provider has no word for is dropped and named, or is a 400. Empty: parameters
    are dropped, material of messages is a 400."""
    choice = fields.text("unsupported_params") or ""
    if choice not in {"", "drop", "reject"}:
        raise refuse(fields.at("unsupported_params"), "it must be drop or reject")
    return choice


def _paths(fields: Fields) -> tuple[Path, ...]:
    paths = []
    for index, text in enumerate(fields.texts("drop_params") or ()):
        try:
            paths.append(parse_path(text))
        except ValueError:
            raise refuse(
                f"{fields.at('drop_params')}[{index}]", "it must be a path such as a.b or tools[*].x"
            ) from None
    return tuple(paths)


def _identity(address: str, key: Secret | None, options: Mapping[str, str], model: bytes) -> str:
    """A digest of the values that define a target's health: two targets with the same digest share their health."""
    parts = (
        address,
        key.reveal() if key else "",
        msgspec.json.encode(sorted(options.items())).decode(),
        model.decode(),
    )
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:24]


def _no_provider() -> Refused:
    text = "Neither x-portkey-provider nor the config names a provider: add one of them."
    return Refused(Failure(Kind.MISSING_PROVIDER, text, "x-portkey-provider", _PLAIN_NO_PROVIDER))


def _unknown_provider(provider: str, where: str, rules: Rules) -> Refused:
    way_out = hint(provider, rules.providers, "'penstock providers' lists the ones there are.", 0.5, "'")
    text = (
        f"There is no provider '{provider[:64]}': {way_out} Any other OpenAI-compatible server: provider openai with "
        "x-portkey-custom-host."
    )
    plain = "Invalid provider passed" if where == "x-portkey-provider" else PLAIN_INVALID
    return Refused(Failure(Kind.UNKNOWN_PROVIDER, text, where, plain))
