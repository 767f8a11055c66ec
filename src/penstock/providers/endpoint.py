"""A row and the caller's settings -> where requests go and what their headers say. Pure, and done once per config.

No value may become more than it is: an option stays inside its own path segment or host label, a header value inside
its line, and a host that a caller names is never trusted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from penstock import __version__
from penstock.auth.header import HeaderAuth
from penstock.auth.signer import Signer
from penstock.core import custom_headers as custom_header
from penstock.core.address import AddressPolicy
from penstock.core.custom_headers import CustomHeaders
from penstock.core.failure import Failure, Kind
from penstock.core.http import Origin, Url, header_line, without_headers
from penstock.core.operation import Operation
from penstock.core.secret import Secret
from penstock.dialects.chat_quirks import NO_QUIRKS, ChatQuirks
from penstock.providers.row import RESPONSES_WIRE, EndpointSpec, Key, Option, Provider
from penstock.providers.templates import (
    PLACEHOLDER,
    filled,
    invalid,
    refuse_option,
    segment,
    target_template,
    with_defaults,
)
from penstock.routing import custom_host as custom_hosts

_MODEL: Final = "{model}"
_USER_AGENT: Final = header_line("user-agent", f"penstock/{__version__}")
_JSON: Final = header_line("content-type", "application/json")
NO_PARAMETERS: Final[Mapping[str, str]] = MappingProxyType({})
NO_HEADERS: Final[CustomHeaders] = MappingProxyType({})


class ModelRoute(msgspec.Struct, frozen=True):
    """How some of an endpoint's models are asked in one wire: everything that may differ between places.

    ``plain`` and ``stream`` are request targets (path and query), which may hold ``{model}`` and ``{id}``. ``headers``
    is a checked block of header lines, the credential among them. ``override``, when set, is what the body must say in
    place of the caller's ``model``. ``prefix`` is what the models' names begin with; upstream it reads ``becomes``,
    None for no change. ``models`` are as in ``EndpointSpec``.
    """

    dialect: str
    variant: str
    plain: str
    stream: str
    origin: Origin
    headers: bytes
    quirks: ChatQuirks
    override: str | None = None
    models: tuple[str, ...] = ()
    prefix: str = ""
    becomes: str | None = None

    def serves(self, model: str | None) -> bool:
        """Whether the place takes a model of this name. None, for a request without a model, fits only where all do."""
        return not self.models or (model is not None and any(part in model for part in self.models))

    def leaves_to_responses(self, model: str) -> bool:
        """Whether the host serves a model in the wire of Responses and not here."""
        only = self.quirks.responses_only
        return only is not None and only.fullmatch(model.rpartition("/")[2].lower()) is not None

    def model(self, name: str) -> str:
        """The model's name for the provider."""
        return name if self.becomes is None else self.becomes + name.removeprefix(self.prefix)

    def target(
        self, model: str | None, *, streams: bool = False, parameters: Mapping[str, str] = NO_PARAMETERS
    ) -> bytes:
        """The request target for a request that names this model, as the provider calls it.

        ``parameters`` are the caller's path parameters by name, for placeholders such as ``{id}``.
        """
        target = self.stream if streams else self.plain
        if model is not None and _MODEL in target:
            target = target.replace(_MODEL, segment(model))
        for name, value in parameters.items():
            target = target.replace(f"{{{name}}}", segment(value))
        return target.encode()


class Endpoint(msgspec.Struct, frozen=True):
    """One operation at one provider, ready to be called.

    ``default_routes`` are the routes of most models, one for each wire, in order of preference; ``model_routes`` those
    of special models. ``options`` are the provider's settings by row name. A ``signer`` adds its lines to each request.
    """

    provider: Provider
    default_routes: tuple[ModelRoute, ...]
    model_routes: tuple[ModelRoute, ...] = ()
    options: Mapping[str, str] = {}
    signer: Signer | None = None

    @property
    def default_route(self) -> ModelRoute:
        """The preferred route of most models."""
        return self.default_routes[0]

    def route_for(self, model: str | None, wire: str, known_as: str = "") -> ModelRoute:
        """How a model is asked: in the caller's wire where the provider speaks it (lane 1), else in the wire that the
        provider prefers (lane 2). ``known_as`` is the model's own name where ``model`` hides it."""
        routes: Sequence[ModelRoute] = self.default_routes
        if self.model_routes and model is not None:
            routes = [route for route in self.model_routes if model.startswith(route.prefix)] or routes
        first = routes[0]
        own_name = known_as or model
        if own_name and first.leaves_to_responses(own_name):
            elsewhere = next((route for route in routes if route.dialect == RESPONSES_WIRE), None)
            if elsewhere is not None:
                return elsewhere
        if first.dialect == wire and not first.models:
            return first
        serving = [route for route in routes if route.serves(model)] or [first]
        return next((route for route in serving if route.dialect == wire), serving[0])

    def __repr__(self) -> str:
        origin = self.default_route.origin
        return f"Endpoint({self.provider.slug}, {origin.scheme}://{origin.authority}{self.default_route.plain})"


class _Binding(msgspec.Struct, frozen=True):
    """What all places of one endpoint are bound with. ``key`` is the caller's own, ``lent_key`` the operator's.

    ``policy`` judges base URLs among the options. ``is_named``: a caller may have written the options.
    """

    provider: Provider
    operation: Operation
    values: Mapping[str, str]
    custom_host: Url | None
    key: Secret | None
    lent_key: Secret | None
    demands_key: bool = True
    policy: AddressPolicy = AddressPolicy()
    is_named: bool = True
    custom_headers: CustomHeaders = {}

    def base(self, spec: EndpointSpec) -> Url | Failure:
        """The address that the path is appended to."""
        template = self.provider.base_url if spec.base_url is None else spec.base_url
        return self.custom_host or _base(self, template)


def bind(
    provider: Provider,
    operation: Operation,
    *,
    key: Secret | None,
    options: Mapping[str, str],
    custom_host: Url | None,
    lent_key: Secret | None = None,
    environment: Mapping[str, str] | None = None,
    policy: AddressPolicy = AddressPolicy(),  # noqa: B008 (frozen)
    is_named: bool = True,
    custom_headers: CustomHeaders = NO_HEADERS,
) -> Endpoint | Failure:
    """Compile an endpoint. ``options`` are by their row name; ``custom_host`` was judged by the address policy.

    ``policy`` judges the base URLs among the options, too. ``is_named``: a caller may have written the options.

    ``custom_headers`` are added to every request, in place of headers of the same names.

    ``lent_key`` is the operator's own: it serves a caller who brings none, and only at the provider's own address. So
    does the gateway's identity, whose ``environment`` is given only where the operator lends it.
    """
    values = with_defaults(provider, options)
    refused = refuse_option(provider, values)
    if refused is not None:
        return refused
    specs = _specs(provider, operation, values, is_custom=custom_host is not None)
    if not specs:
        return Failure(Kind.UNSUPPORTED_OPERATION, f"{operation.value} is not supported by {provider.slug}.")
    binding = _Binding(
        provider=provider,
        operation=operation,
        values=values,
        custom_host=custom_host,
        key=key,
        lent_key=lent_key,
        demands_key=custom_host is None and "authorization" not in custom_headers,
        policy=policy,
        is_named=is_named,
        custom_headers=custom_headers,
    )
    signer = _signer(binding, specs, environment)
    if isinstance(signer, Failure):
        return signer
    if signer is not None:
        binding = msgspec.structs.replace(binding, key=None, lent_key=None, demands_key=False)
    default_routes = _routes(binding, specs)
    if isinstance(default_routes, Failure):
        return default_routes
    rules = provider.model_routes if operation is Operation.CHAT else ()
    model_routes = _routes(binding, tuple(rule.spec for rule in rules))
    if isinstance(model_routes, Failure):
        return model_routes
    named = tuple(
        msgspec.structs.replace(route, prefix=rule.prefix, becomes=rule.becomes)
        for route, rule in zip(model_routes, rules, strict=True)
    )
    return Endpoint(provider, default_routes, named, values, signer)


def _specs(
    provider: Provider, operation: Operation, values: Mapping[str, str], *, is_custom: bool
) -> tuple[EndpointSpec, ...]:
    """Where the host serves an operation, by wire, the preferred wire first; none where it doesn't.

    A custom host gets chats of the row's first wire, and Responses, which are asked for beside chat completions
    (docs/responses.md): nothing says that a caller's proxy or private deployment serves other wires as well, or at
    which paths. Only a program that callers run (``self_hosted``) is the same everywhere.
    """
    specs = provider.places_of(operation, values)
    if not (specs and is_custom and operation is Operation.CHAT) or provider.self_hosted:
        return specs
    return (specs[0], *[spec for spec in specs[1:] if spec.dialect == RESPONSES_WIRE])


def _signer(
    binding: _Binding, specs: tuple[EndpointSpec, ...], environment: Mapping[str, str] | None
) -> Signer | Failure | None:
    """Who signs the requests, None where a key is shown. The gateway's own identity stays at the provider's address."""
    provider = binding.provider
    if provider.sign is None:
        return None
    trusted = True
    for spec in specs:
        base = binding.base(spec)
        if isinstance(base, Failure):
            return base
        trusted = trusted and base.origin.trusted
    key = binding.key or (binding.lent_key if trusted else None)
    signer = provider.sign(binding.values, key, environment)
    if signer is None or isinstance(signer, Failure):
        return signer
    if "authorization" in binding.custom_headers:
        text = f"Requests to {provider.slug} are signed: its virtual key can't have a header authorization of its own."
        return Failure(Kind.INVALID_CONFIG, text, "custom_headers")
    try:
        signer.identity  # noqa: B018 (what can't be encoded fails here, not with each request)
    except ValueError:
        text = f"The credentials for {provider.slug} hold half a character: send them whole."
        return Failure(Kind.INVALID_CONFIG, text, "api_key")
    return _not_lent(provider) if signer.is_own and (environment is None or not trusted) else signer


def _routes(binding: _Binding, specs: tuple[EndpointSpec, ...]) -> tuple[ModelRoute, ...] | Failure:
    routes = []
    for spec in specs:
        route = _model_route(binding, spec)
        if isinstance(route, Failure):
            return route
        routes.append(route)
    return tuple(routes)


def _model_route(binding: _Binding, spec: EndpointSpec) -> ModelRoute | Failure:
    provider, values = binding.provider, binding.values
    base = binding.base(spec)
    if isinstance(base, Failure):
        return base
    plain = target_template(provider, base, spec.path, values)
    if isinstance(plain, Failure):
        return plain
    stream = plain if spec.stream_path is None else target_template(provider, base, spec.stream_path, values)
    if isinstance(stream, Failure):
        return stream
    headers = _headers(binding, spec, base)
    if isinstance(headers, Failure):
        return headers
    quirks = NO_QUIRKS
    if binding.operation is Operation.CHAT:
        quirks = provider.quirks
    elif binding.operation is Operation.COMPLETIONS:
        quirks = ChatQuirks(stream_usage=provider.quirks.stream_usage)
    return ModelRoute(
        spec.dialect,
        spec.variant,
        plain,
        stream,
        base.origin,
        headers,
        quirks if spec.quirks is None else spec.quirks,
        override=spec.model,
        models=spec.models,
    )


def _base(binding: _Binding, template: str) -> Url | Failure:
    """The address that a base URL's template stands for. It is trusted unless the caller may have named its host."""
    provider, values = binding.provider, binding.values
    if not template:
        return Failure(
            Kind.INVALID_CONFIG,
            f"{provider.slug} has no address of its own: name yours in the header x-portkey-custom-host, for example "
            "http://localhost:8000/v1, or as custom_host in the config.",
            param="x-portkey-custom-host",
        )
    text = filled(provider, template, values)
    if isinstance(text, Failure):
        return text
    chosen = {
        option.name: option for option in provider.options if values.get(option.name) not in {None, option.default}
    }
    base_url = next((option for option in chosen.values() if option.names_host), None)
    if base_url is not None:
        url = custom_hosts.judge(text, binding.policy)
        return url if isinstance(url, Url) else _refused_host(base_url, url)
    authority = template.partition("://")[2].partition("/")[0]
    named = binding.is_named and not chosen.keys().isdisjoint(PLACEHOLDER.findall(authority))
    return Url.parse(text, trusted=True, named=named)


def _headers(binding: _Binding, spec: EndpointSpec, base: Url) -> bytes | Failure:
    """The header block of a place: the row's headers, the place's own, then those of the virtual key."""
    provider, values = binding.provider, binding.values
    key = binding.lent_key if binding.key is None and base.origin.trusted else binding.key
    credential = _credential(provider, spec.auth or provider.auth, key, values, demands_key=binding.demands_key)
    if isinstance(credential, Failure):
        return credential
    lines = [_JSON] if binding.operation.has_body else []
    lines += [_USER_AGENT, credential, *(header_line(name, value) for name, value in provider.headers)]
    for option in provider.options:
        if option.upstream_header is not None and option.name in values:
            try:
                lines.append(header_line(option.upstream_header, values[option.name]))
            except ValueError:
                return invalid(option, "its value holds a control character")
    for name, template in spec.headers:
        lines.append(header_line(name, PLACEHOLDER.sub(lambda match: values[match[1]], template)))
    block, own = b"".join(lines), binding.custom_headers
    return without_headers(block, {name.encode() for name in own}) + custom_header.block(own) if own else block


def _credential(
    provider: Provider, auth: HeaderAuth, key: Secret | None, values: Mapping[str, str], *, demands_key: bool
) -> bytes | Failure:
    """The header line that proves who calls; empty when nothing was given and nothing is demanded."""
    for option in provider.options:
        if option.credential is not None and option.name in values:
            try:
                return option.credential.line(Secret(values[option.name].removeprefix("Bearer ")))
            except ValueError:
                return invalid(option, "its value holds a control character")
    if provider.key is Key.NONE:
        return b""
    if key is None:
        return _missing_key(provider) if demands_key and provider.key is Key.REQUIRED else b""
    try:
        return auth.line(key)
    except ValueError:
        return Failure(
            Kind.INVALID_CONFIG,
            f"The API key for {provider.slug} holds a control character, perhaps a line break: send it without.",
            param="api_key",
        )


def _not_lent(provider: Provider) -> Failure:
    text = (
        f"The request would go to {provider.slug} under the gateway's own identity, which its operator does not lend "
        "(providers.gateway_identity), or not to this host: send credentials of your own."
    )
    return Failure(Kind.NOT_ALLOWED, text, "api_key")


def _missing_key(provider: Provider) -> Failure:
    lent = ""
    if provider.env:
        lent = f" For the provider's own address the gateway's operator can also lend {provider.env[0]}."
    return Failure(
        Kind.MISSING_API_KEY,
        f"{provider.slug} needs an API key: send it as Authorization: Bearer KEY or x-portkey-api-key: KEY, or set "
        f"api_key in the config.{lent}",
        param="api_key",
    )


def _refused_host(option: Option, reason: str) -> Failure:
    text = (
        f"The host in {option.name} (header x-portkey-{option.header}) is refused: {reason}. If the gateway's operator "
        "trusts it, add it to the trusted_hosts setting."
    )
    return Failure(Kind.INVALID_CUSTOM_HOST, text, f"x-portkey-{option.header}", "Invalid custom host")
