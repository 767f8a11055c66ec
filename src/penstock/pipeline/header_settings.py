"""The settings that a request's headers hold: credential, provider, host, timeout, provider-specific options.

Source: docs/portkey.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from penstock.core.failure import Failure, Kind
from penstock.core.json_text import read_json
from penstock.core.secret import Secret
from penstock.guards.read import HEADERS as GUARD_HEADERS
from penstock.pipeline.authenticate import QUERY_KEY, credential
from penstock.pipeline.choice import Choice
from penstock.routing.budget import MOST_FORWARDED
from penstock.routing.rules import HeaderSettings

CONFIG_HEADER: Final = b"x-portkey-config"
PREFIX: Final = "x-portkey-"
_GENERAL: Final = frozenset(
    PREFIX.encode() + name.encode()
    for name in """
    provider config virtual-key custom-host request-timeout forward-headers strict-open-ai-compliance api-key
    default-input-guardrails default-output-guardrails
    """.split()
)
_PLACEHOLDERS: Final = frozenset({"", "OPENAI_API_KEY", "DUMMY-KEY", "undefined", "null"})
"""What SDKs send for "no key" (docs/portkey.md#placeholder-keys): never a credential. Many more texts count as no key
where the operator lends one (core/placeholder.py)."""


def header_settings(
    fields: Mapping[bytes, bytes], choice: Choice, bare: Mapping[bytes, str]
) -> HeaderSettings | Failure:
    """The settings in a request's headers, or the failure to answer with.

    ``choice`` says who answers where the headers don't. ``bare`` are the headers without Portkey's prefix that
    are provider-specific settings, and the names of these.
    """

    def text(name: str) -> str | None:
        return fields.get(f"{PREFIX}{name}".encode(), b"").decode("utf-8", "replace").strip() or None

    forward = text("forward-headers")
    names = None if forward is None else tuple(part.strip().lower() for part in forward.split(",") if part.strip())
    if names and "x-portkey-forward-headers" in names:
        message = "forward_headers must not contain the 'x-portkey-forward-headers' header"
        return Failure(Kind.INVALID_CONFIG, f"{message}: take it out.", "x-portkey-forward-headers", message)
    if names and len(names) > MOST_FORWARDED:
        problem = f"x-portkey-forward-headers names more than {MOST_FORWARDED} headers: name fewer."
        return Failure(Kind.INVALID_CONFIG, problem, "x-portkey-forward-headers")
    guards = _default_guards(fields)
    if isinstance(guards, Failure):
        return guards
    virtual_key = text("virtual-key")
    provider = f"@{virtual_key.removeprefix('@')}" if virtual_key else text("provider")
    where = "x-portkey-provider" if provider or not choice.where else choice.where
    return HeaderSettings(
        provider=provider or choice.provider,
        authorization=_authorization(fields),
        api_key=_credential(fields.get(b"x-portkey-api-key", b"")),
        custom_host=text("custom-host"),
        request_timeout=_milliseconds(text("request-timeout")),
        forward_headers=names,
        strict=fields.get(b"x-portkey-strict-open-ai-compliance") != b"false",
        options=_options(fields, bare),
        names_key=virtual_key is not None,
        where="x-portkey-virtual-key" if virtual_key else where,
        default_guards=guards,
    )


def _default_guards(fields: Mapping[bytes, bytes]) -> dict[str, Any] | Failure:
    """The guards in the headers, by header; the failure for a header that is no JSON."""
    guards: dict[str, Any] = {}
    for name in GUARD_HEADERS.values():
        value = fields.get(name.encode())
        if value:
            try:
                guards[name] = read_json(value)
            except ValueError:
                text = f"{name} is not valid JSON: send an array of guards, as in input_guardrails of a config."
                return Failure(Kind.INVALID_CONFIG, text, name)
    return guards


def _options(fields: Mapping[bytes, bytes], bare: Mapping[bytes, str]) -> dict[str, str]:
    options = {}
    for name, value in fields.items():
        key = bare.get(name)
        if key is None and name.startswith(b"x-portkey-") and name not in _GENERAL:
            key = name.decode("latin-1").removeprefix(PREFIX).replace("-", "_")
        if key is not None:
            options[key] = value.decode("utf-8", "replace").strip()
    return options


def _authorization(fields: Mapping[bytes, bytes]) -> Secret | None:
    """The credential of the Authorization header; without one, and without a key in x-portkey-api-key, that of the
    header in which another SDK sends its key (Anthropic's, Google's, Azure's)."""
    shown = _credential(fields.get(b"authorization", b""))
    if shown is not None or fields.get(b"x-portkey-api-key"):
        return shown
    return next((key for name in _OTHER_KEYS if (key := _credential(fields.get(name, b""))) is not None), None)


_OTHER_KEYS: Final = (b"x-api-key", b"x-goog-api-key", b"api-key", QUERY_KEY)


def _credential(value: bytes) -> Secret | None:
    text = credential(value)
    return None if text in _PLACEHOLDERS else Secret(text)


def _milliseconds(text: str | None) -> float | None:
    """The timeout in milliseconds; None (no limit) for text that is no number, and for zero, as Portkey reads it
    (docs/portkey.md#request-timeout)."""
    try:
        value = float(text or 0)
    except ValueError:
        return None
    return value if value and math.isfinite(value) else None
