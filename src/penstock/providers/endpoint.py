"""A row and the caller's settings -> where requests go and what their headers say. Pure, and done once per config.

No value may become more than it is: an option stays inside its own path segment or host label, a header value inside
its line, and a host that a caller names is never trusted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from penstock import __version__
from penstock.auth.header import HeaderAuth
from penstock.auth.signer import Signer
from penstock.core.failure import Failure, Kind
from penstock.core.http import Origin, Url, header_line
from penstock.core.secret import Secret
from penstock.providers.row import OPENAI, EndpointSpec, Key, Operation, Option, Provider

PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_VISIBLE_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))
_MODEL: Final = "{model}"
_USER_AGENT: Final = header_line("user-agent", f"penstock/{__version__}")
_JSON: Final = header_line("content-type", "application/json")


class ModelRoute(msgspec.Struct, frozen=True):
    """How some of an endpoint's models are asked: the dialect, and the request targets, which may hold ``{model}``.

    ``prefix`` is what their names begin with; upstream it reads ``becomes``, None for no change. ``like`` is the
    provider whose accent they have, None for that of the host.
    """

    dialect: str
    variant: str
    plain: str
    stream: str
    prefix: str = ""
    becomes: str | None = None
    like: Provider | None = None

    def model(self, name: str) -> str:
        """The model's name for the provider."""
        return name if self.becomes is None else self.becomes + name.removeprefix(self.prefix)

    def target(self, model: str | None, *, streams: bool = False) -> bytes:
        """The request target (path and query) for a request that names this model, as the provider calls it."""
        target = self.stream if streams else self.plain
        if model is not None and _MODEL in target:
            target = target.replace(_MODEL, _segment(model))
        return target.encode()


class Endpoint(msgspec.Struct, frozen=True):
    """One operation at one provider, ready to be called.

    ``headers`` is a checked block of header lines, the credential among them. ``model``, when set, is what the body
    must say in place of the caller's ``model``. ``options`` are the provider's settings by row name. A ``signer`` adds
    its lines to each request.
    """

    provider: Provider
    origin: Origin
    headers: bytes
    default_route: ModelRoute
    model_routes: tuple[ModelRoute, ...] = ()
    model: str | None = None
    options: Mapping[str, str] = {}
    signer: Signer | None = None

    def model_route(self, model: str | None) -> ModelRoute:
        """How a model is asked."""
        if self.model_routes and model is not None:
            for model_route in self.model_routes:
                if model.startswith(model_route.prefix):
                    return model_route
        return self.default_route

    def target(self, model: str | None, *, streams: bool = False) -> bytes:
        """The request target for a model, by the name that callers give it."""
        model_route = self.model_route(model)
        return model_route.target(None if model is None else model_route.model(model), streams=streams)

    def __repr__(self) -> str:
        return (
            f"Endpoint({self.provider.slug}, {self.origin.scheme}://{self.origin.authority}{self.default_route.plain})"
        )


def bind(
    provider: Provider,
    operation: Operation,
    *,
    key: Secret | None,
    options: Mapping[str, str],
    custom_host: Url | None,
    lent_key: Secret | None = None,
    environment: Mapping[str, str] | None = None,
) -> Endpoint | Failure:
    """Compile an endpoint. ``options`` are by their row name; ``custom_host`` was judged by the address policy.

    ``lent_key`` is the operator's own: it serves a caller who brings none, and only at the provider's own address. So
    does the gateway's identity, whose ``environment`` is given only where the operator lends it.
    """
    values = with_defaults(provider, options)
    refused = _refuse_option(provider, values)
    if refused is not None:
        return refused
    spec = _spec(provider, operation, values)
    if spec is None:
        return Failure(Kind.UNSUPPORTED_OPERATION, f"{operation.value} is not supported by {provider.slug}.")
    base = custom_host or _base(provider, values)
    if isinstance(base, Failure):
        return base
    default_route = _model_route(provider, base, spec, values)
    if isinstance(default_route, Failure):
        return default_route
    model_routes = _other_model_routes(provider, base, values) if operation is Operation.CHAT else ()
    if isinstance(model_routes, Failure):
        return model_routes
    if key is None and base.origin.trusted:
        key = lent_key
    signer = _signer(provider, base, key, values, environment)
    if isinstance(signer, Failure):
        return signer
    auth = spec.auth or provider.auth
    demand_key = custom_host is None and signer is None
    headers = _headers(provider, operation, auth, None if signer else key, values, demand_key=demand_key)
    if isinstance(headers, Failure):
        return headers
    for name, template in spec.headers:
        headers += header_line(name, PLACEHOLDER.sub(lambda match: values[match[1]], template))
    return Endpoint(provider, base.origin, headers, default_route, model_routes, spec.model, values, signer)


def _signer(
    provider: Provider, base: Url, key: Secret | None, values: Mapping[str, str], environment: Mapping[str, str] | None
) -> Signer | Failure | None:
    """Who signs the requests, None where a key is shown. The gateway's own identity stays at the provider's address."""
    signer = None if provider.sign is None else provider.sign(values, key, environment)
    if signer is None or isinstance(signer, Failure):
        return signer
    try:
        signer.identity  # noqa: B018 (what can't be encoded fails here, not with each request)
    except ValueError:
        text = f"The credentials for {provider.slug} hold half a character: send them whole."
        return Failure(Kind.INVALID_CONFIG, text, "api_key")
    return _not_lent(provider) if signer.is_own and (environment is None or not base.origin.trusted) else signer


def _other_model_routes(provider: Provider, base: Url, values: Mapping[str, str]) -> tuple[ModelRoute, ...] | Failure:
    model_routes = []
    for rule in provider.model_routes:
        model_route = _model_route(provider, base, rule.spec, values)
        if isinstance(model_route, Failure):
            return model_route
        model_routes.append(
            msgspec.structs.replace(model_route, prefix=rule.prefix, becomes=rule.becomes, like=rule.like)
        )
    return tuple(model_routes)


def _model_route(provider: Provider, base: Url, spec: EndpointSpec, values: Mapping[str, str]) -> ModelRoute | Failure:
    targets = []
    for template in (spec.path, spec.path if spec.stream_path is None else spec.stream_path):
        target = _target(provider, base, template, values)
        if isinstance(target, Failure):
            return target
        targets.append(target)
    return ModelRoute(spec.dialect, spec.variant, targets[0], targets[1])


def _target(provider: Provider, base: Url, template: str, values: Mapping[str, str]) -> str | Failure:
    """The path and query that a template stands for, ``{model}`` still in its place."""
    template, _, pairs = template.partition("?")
    path = _fill(provider, template, values)
    if isinstance(path, Failure):
        return path
    path = _visible(base.path + path) or "/"
    query = _visible("&".join(filter(None, (base.query, *_given_pairs(pairs, values)))))
    return f"{path}?{query}" if query else path


def with_defaults(provider: Provider, options: Mapping[str, str]) -> dict[str, str]:
    """The values of a row's options, by name: as given, else by default, else as they follow from the others."""
    values = {**{option.name: option.default for option in provider.options if option.default is not None}, **options}
    for name, derive in provider.derived.items():
        value = derive(values) if name not in values else None
        if value is not None:
            values[name] = value
    return values


def _refuse_option(provider: Provider, values: Mapping[str, str]) -> Failure | None:
    for option in provider.options:
        value = values.get(option.name)
        if value is not None and option.pattern is not None and not re.fullmatch(option.pattern, value):
            return _invalid(option, f"its value must match {option.pattern}")
    return None


def _spec(provider: Provider, operation: Operation, values: Mapping[str, str]) -> EndpointSpec | None:
    if provider.locate is not None:
        return provider.locate(values, operation)
    path = provider.paths.get(operation)
    if path is None:
        return None
    dialect = provider.dialect if operation is Operation.CHAT else OPENAI
    return EndpointSpec(path, None, provider.stream_paths.get(operation), dialect, provider.variant)


def _base(provider: Provider, values: Mapping[str, str]) -> Url | Failure:
    if not provider.base_url:
        return Failure(
            Kind.INVALID_CONFIG,
            f"{provider.slug} has no address of its own: name yours in the header x-portkey-custom-host, for example "
            "http://localhost:8000/v1, or as custom_host in the config.",
            param="x-portkey-custom-host",
        )
    text = _fill(provider, provider.base_url, values)
    if isinstance(text, Failure):
        return text
    chosen = any(
        option.names_host and values.get(option.name) not in {None, option.default} for option in provider.options
    )
    return Url.parse(text, trusted=not chosen)


def _fill(provider: Provider, template: str, values: Mapping[str, str]) -> str | Failure:
    """The template with the values of its options; ``{model}`` stays until a request names one."""
    options = {option.name: option for option in provider.options}
    for name in PLACEHOLDER.findall(template):
        if name in options and name not in values:
            return _missing(provider, options[name])

    def value(match: re.Match[str]) -> str:
        option = options.get(match[1])
        if match[1] not in values:
            return match[0]
        names_host = option is not None and option.names_host
        return values[match[1]].rstrip("/") if names_host else _segment(values[match[1]])

    return PLACEHOLDER.sub(value, template)


def _given_pairs(query: str, values: Mapping[str, str]) -> list[str]:
    """The ``name=value`` pairs of a query template, less those whose option has no value."""
    given = (pair for pair in query.split("&") if values.keys() >= set(PLACEHOLDER.findall(pair)))
    return [PLACEHOLDER.sub(lambda match: _segment(values[match[1]]), pair) for pair in given]


def _visible(text: str) -> str:
    """The text with everything but visible ASCII percent-encoded, whatever a custom host holds."""
    return quote(text, safe=_VISIBLE_ASCII, errors="surrogatepass")


def _segment(value: str) -> str:
    """A value as one path segment. Dots alone would mean another folder, encoded or not: they are encoded twice."""
    text = quote(value, safe="", errors="surrogatepass")
    return text.replace(".", "%252E") if text in {".", ".."} else text


def _headers(
    provider: Provider,
    operation: Operation,
    auth: HeaderAuth,
    key: Secret | None,
    values: Mapping[str, str],
    *,
    demand_key: bool,
) -> bytes | Failure:
    credential = _credential(provider, auth, key, values, demand_key=demand_key)
    if isinstance(credential, Failure):
        return credential
    lines = [_USER_AGENT, credential]
    if operation is Operation.CHAT:
        lines.insert(0, _JSON)
    lines += [header_line(name, value) for name, value in provider.headers]
    for option in provider.options:
        if option.upstream_header is not None and option.name in values:
            try:
                lines.append(header_line(option.upstream_header, values[option.name]))
            except ValueError:
                return _invalid(option, "its value holds a control character")
    return b"".join(lines)


def _credential(
    provider: Provider, auth: HeaderAuth, key: Secret | None, values: Mapping[str, str], *, demand_key: bool
) -> bytes | Failure:
    """The header line that proves who calls; empty when nothing was given and nothing is demanded."""
    for option in provider.options:
        if option.credential is not None and option.name in values:
            try:
                return option.credential.line(Secret(values[option.name].removeprefix("Bearer ")))
            except ValueError:
                return _invalid(option, "its value holds a control character")
    if provider.key is Key.NONE:
        return b""
    if key is None:
        return _missing_key(provider) if demand_key and provider.key is Key.REQUIRED else b""
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


def _missing(provider: Provider, option: Option) -> Failure:
    return Failure(
        Kind.INVALID_CONFIG,
        f"{provider.slug} needs {option.name}: send the header x-portkey-{option.header}, or set {option.name} in the "
        "config.",
        param=f"x-portkey-{option.header}",
    )


def _invalid(option: Option, reason: str) -> Failure:
    return Failure(
        Kind.INVALID_CONFIG,
        f"The setting {option.name} (header x-portkey-{option.header}) can't be used: {reason}.",
        param=f"x-portkey-{option.header}",
    )
