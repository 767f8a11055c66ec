"""Reading one object of a config: each getter checks a key's type; an error has the key's path and the expected type.

A key has two spellings, snake_case and camelCase. Keys become snake_case before any rule is applied
(docs/portkey.md#spelling-of-keys).
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from penstock.core.did_you_mean import hint
from penstock.core.failure import Failure, Kind
from penstock.core.outcome import ErrorClass
from penstock.routing.budget import Budget

PLAIN_INVALID: Final = "Invalid config passed"
_VERBATIM: Final = frozenset("override_params default_params vertex_service_account_json conditions metadata".split())
_RESPELT: Final = {
    "strict_openai_compliance": "strict_open_ai_compliance",
    "strict_open_aicompliance": "strict_open_ai_compliance",
    "strict_open_aICompliance": "strict_open_ai_compliance",
    "use_retry_after_headers": "use_retry_after_header",
}
_NEAR: Final = 0.85
_LARGEST: Final = 1e300
_DIGITS: Final = 6
_TYPE_NAMES: Final = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}


class Refused(Exception):
    """A config that can't be used. ``failure`` is the answer to the caller."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure


def refuse(path: str, reason: str, *, plain: str = PLAIN_INVALID) -> Refused:
    """The exception for a config that is refused at ``path``. Its failure holds Penstock's text and Portkey's: a list
    of messages, each with a path whose segments are joined by commas (docs/portkey.md#config-errors)."""
    where = ",".join(re.findall(r"[^.\[\]]+", path)[1:])
    details = (f"path: {where}, message: {reason}",) if plain == PLAIN_INVALID else ()
    text = f"The config is not valid at {path}: {reason}{'' if reason.endswith('?') else '.'}"
    return Refused(Failure(Kind.INVALID_CONFIG, text, path, plain, details=details))


def settled(value: Any) -> Any:
    """The value with every key in snake_case, at every depth except inside the keys of ``_VERBATIM``."""
    if isinstance(value, list):
        return [settled(item) for item in value]
    if not isinstance(value, dict):
        return value
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match[1].lower(), key)
        name = _RESPELT.get(name, name)
        result[name] = item if name in _VERBATIM else settled(item)
    return result


class Fields:
    """One object of a config. ``values`` has settled keys; a key that is null counts as absent.

    ``own`` are the keys that are written at this object, None for all: inherited keys were checked where they are
    written. ``settings`` are the providers' own settings of a target, inherited ones included: targets that add none
    share those of their parent. All objects of a config share a ``budget``.
    """

    def __init__(
        self,
        values: dict[str, Any],
        path: str,
        budget: Budget | None = None,
        own: Collection[str] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.values = values
        self.path = path
        self.budget = Budget() if budget is None else budget
        self.settings = {} if settings is None else settings
        self._own = values if own is None else own

    def at(self, key: str) -> str:
        return f"{self.path}.{key}"

    def check_keys(self, known: Collection[str], *, only: bool = False) -> None:
        """Refuse a key that is nearly a known key (a typo). With ``only``, refuse every unknown key."""
        cutoff, known_keys = 0.5 if only else _NEAR, frozenset(known)
        for key in self._own:
            if key in known_keys:
                continue
            if only or self.budget.nearest(key, known_keys, cutoff) is not None:
                way_out = hint(key, known, f"there are {', '.join(sorted(known))}", cutoff, "'")
                raise refuse(self.at(key), f"there is no such setting: {way_out}")

    def text(self, key: str) -> str | None:
        value: str | None = self._typed(key, str, "string")
        return value

    def switch(self, key: str) -> bool | None:
        value: bool | None = self._typed(key, bool, "boolean")
        return value

    def number(self, key: str, *, least: float = -math.inf) -> float | None:
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._mistyped(key, "number")
        if not max(least, -_LARGEST) <= value <= _LARGEST:
            raise refuse(self.at(key), f"it must be at least {least:g}" if value < least else "it is too large")
        return float(value)

    def object(self, key: str) -> Fields | None:
        value = self._typed(key, dict, "object")
        return None if value is None else Fields(value, self.at(key), self.budget)

    def array(self, key: str) -> list[Any] | None:
        value: list[Any] | None = self._typed(key, list, "array")
        return value

    def texts(self, key: str) -> tuple[str, ...] | None:
        value = self.array(key)
        if value is None:
            return None
        for index, item in enumerate(value):
            if not isinstance(item, str):
                raise refuse(f"{self.at(key)}[{index}]", f"Expected string, received {_type_name(item)}")
        return tuple(value)

    def status_codes(self, key: str) -> frozenset[int] | None:
        """A list of HTTP statuses, as numbers or as strings: ``[429, "503"]``."""
        value = self.array(key)
        if value is None:
            return None
        codes = set()
        for index, item in enumerate(value):
            code = int(item) if isinstance(item, str) and item.isdecimal() and len(item) <= _DIGITS else item
            if isinstance(code, bool) or not isinstance(code, int | float) or code != int(code):
                raise refuse(f"{self.at(key)}[{index}]", f"Expected number, received {_type_name(item)}")
            codes.add(int(code))
        return frozenset(codes)

    def error_classes(self, key: str) -> frozenset[ErrorClass] | None:
        names = self.texts(key)
        if names is None:
            return None
        known = [error.value for error in ErrorClass]
        for index, name in enumerate(names):
            if name not in known:
                way_out = hint(name, known, f"there are {', '.join(known)}", quote="'")
                raise refuse(f"{self.at(key)}[{index}]", f"there is no such class of errors: {way_out}")
        return frozenset(ErrorClass(name) for name in names)

    def _typed(self, key: str, kind: type, name: str) -> Any:
        value = self.values.get(key)
        if value is not None and not isinstance(value, kind):
            raise self._mistyped(key, name)
        return value

    def _mistyped(self, key: str, expected: str) -> Refused:
        return refuse(self.at(key), f"Expected {expected}, received {_type_name(self.values[key])}")


def _type_name(value: object) -> str:
    return _TYPE_NAMES.get(type(value), "null")
