"""The check of a base URL that a caller names (``x-portkey-custom-host``, ``custom_host``).

This module checks the syntax. core/address.py checks the resolved addresses when a connection is made.
Source: docs/portkey.md#custom-hosts.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from penstock.core.address import AddressPolicy, literal_address
from penstock.core.http import Url

_MAX_LENGTH: Final = 2048
_MAX_LABELS: Final = 10
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f]")
_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?\Z")
_IPV6: Final = re.compile(r"[0-9a-f:.]+\Z")


def judge(text: str, policy: AddressPolicy) -> Url | str:
    """The URL, or the reason for its refusal: a clause such as "it has no host"."""
    if len(text) > _MAX_LENGTH:
        return f"it is longer than {_MAX_LENGTH} characters"
    if _CONTROL.search(text):
        return "it holds white space or control characters"
    if "@" in text or "\\" in text or "#" in text:
        return "it holds user information, a backslash or a fragment"
    authority = text.partition("://")[2].partition("/")[0]
    if not authority.isascii():
        # A letter such as the Kelvin sign becomes an ASCII letter when it is made lower case.
        return "the host name holds characters other than ASCII: write an international name as xn--..."
    try:
        url = Url.parse(text)
    except ValueError:
        return "it is no URL such as https://host/v1"
    if "[" in authority and ":" not in url.origin.host:
        return "only an IPv6 address has brackets"
    origin = msgspec.structs.replace(url.origin, private_hosts=policy.trusted_hosts)
    return _judge_host(url, policy) or msgspec.structs.replace(url, origin=origin)


def _judge_host(url: Url, policy: AddressPolicy) -> str | None:
    origin = url.origin
    if origin.scheme not in {"http", "https"}:
        return "only http and https are possible"
    if not 1 <= origin.port <= 65535:
        return "the port must be from 1 to 65535"
    if not (_IPV6 if ":" in origin.host else _NAME).match(origin.host):
        return "the host name holds characters other than letters, digits, dots and hyphens"
    if origin.host.count(".") >= _MAX_LABELS:
        return f"the host name has more than {_MAX_LABELS} labels"
    if _is_disguised_number(origin.host):
        return "the host is a number in disguise: write the address with four decimal parts"
    return policy.refuse_host(origin.host)


def _is_disguised_number(host: str) -> bool:
    """Whether the host is a decimal, octal, hex or short spelling of IPv4 (``2130706433``, ``0x7f.1``), or none at all
    (``1.2.3.256``).

    Resolvers still accept these spellings. A name whose last label is a number is no name
    (https://url.spec.whatwg.org/#ends-in-a-number-checker).
    """
    last = host.rsplit(".", 1)[-1]
    numeric = last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last) is not None
    return numeric and literal_address(host) is None
