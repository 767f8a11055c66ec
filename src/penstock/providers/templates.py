"""The values of a row's options, and the templates of addresses and paths that they fill.

No value may become more than it is: an option stays inside its own path segment, and its pattern keeps it inside a host
label.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from penstock.core.failure import Failure, Kind
from penstock.core.http import Url
from penstock.providers.row import Option, Provider

PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_VISIBLE_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))


def with_defaults(provider: Provider, options: Mapping[str, str]) -> dict[str, str]:
    """The values of a row's options, by name: as given, else by default, else as they follow from the others."""
    values = {**{option.name: option.default for option in provider.options if option.default is not None}, **options}
    for name, derive in provider.derived.items():
        value = derive(values) if name not in values else None
        if value is not None:
            values[name] = value
    return values


def refuse_option(provider: Provider, values: Mapping[str, str]) -> Failure | None:
    """The failure of the first option whose value does not match the option's pattern."""
    for option in provider.options:
        value = values.get(option.name)
        if value is not None and option.pattern is not None and not re.fullmatch(option.pattern, value):
            return invalid(option, f"its value must match {option.pattern}")
    return None


def target_template(provider: Provider, base: Url, template: str, values: Mapping[str, str]) -> str | Failure:
    """The path and query that a template stands for, ``{model}`` still in its place."""
    template, _, pairs = template.partition("?")
    path = filled(provider, template, values)
    if isinstance(path, Failure):
        return path
    path = _visible(base.path + path) or "/"
    query = _visible("&".join(filter(None, (base.query, *_given_pairs(pairs, values)))))
    return f"{path}?{query}" if query else path


def filled(provider: Provider, template: str, values: Mapping[str, str]) -> str | Failure:
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
        return values[match[1]].rstrip("/") if names_host else segment(values[match[1]])

    return PLACEHOLDER.sub(value, template)


def _given_pairs(query: str, values: Mapping[str, str]) -> list[str]:
    """The ``name=value`` pairs of a query template, less those whose option has no value."""
    pairs = (pair for pair in query.split("&") if values.keys() >= set(PLACEHOLDER.findall(pair)))
    return [PLACEHOLDER.sub(lambda match: segment(values[match[1]]), pair) for pair in pairs]


def _visible(text: str) -> str:
    """The text with everything but visible ASCII percent-encoded, whatever a custom host holds."""
    return quote(text, safe=_VISIBLE_ASCII, errors="surrogatepass")


def segment(value: str) -> str:
    """A value as one path segment. Dots alone would mean another folder, encoded or not: they are encoded twice. So are
    those between slashes, which some hosts decode before they look for folders."""
    return _DOTS.sub(_twice, quote(value, safe="", errors="surrogatepass"))


_DOTS: Final = re.compile(r"(?:\A|(?<=%2F)|(?<=%5C))\.{1,2}(?=%2F|%5C|%3B|\Z)")


def _twice(dots: re.Match[str]) -> str:
    return dots[0].replace(".", "%252E")


# Failures.


def _missing(provider: Provider, option: Option) -> Failure:
    return Failure(
        Kind.INVALID_CONFIG,
        f"{provider.slug} needs {option.name}: send the header x-portkey-{option.header}, or set {option.name} in the "
        "config.",
        param=f"x-portkey-{option.header}",
    )


def invalid(option: Option, reason: str) -> Failure:
    """The failure of an option's value; ``reason`` ends the sentence."""
    return Failure(
        Kind.INVALID_CONFIG,
        f"The setting {option.name} (header x-portkey-{option.header}) can't be used: {reason}.",
        param=f"x-portkey-{option.header}",
    )
