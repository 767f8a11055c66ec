"""Reading one object of a config: each getter checks a key's type; an error has the key's path and the expected type.

A getter adds what is wrong to the problems of the config and returns None, so that reading goes on to the next problem.

A key has two spellings, snake_case and camelCase. Keys become snake_case before any rule is applied
(docs/portkey.md#spelling-of-keys).
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from penstock.core.did_you_mean import hint
from penstock.core.outcome import ErrorClass
from penstock.routing.budget import Budget
from penstock.routing.problems import PLAIN_INVALID, refuse

_VERBATIM: Final = frozenset(
    """
    override_params default_params vertex_service_account_json conditions metadata
    before_request_hooks after_request_hooks input_guardrails output_guardrails input_mutators output_mutators
    """.split()
)
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
    written, in ``parent`` or above it. ``settings`` are the providers' own settings of a target, inherited ones
    included: targets that add none share those of their parent. All objects of a config share a ``budget``, and the
    ``problems`` in it.
    """

    def __init__(
        self,
        values: dict[str, Any],
        path: str,
        budget: Budget | None = None,
        own: Collection[str] | None = None,
        settings: Mapping[str, Any] | None = None,
        parent: Fields | None = None,
    ) -> None:
        self.values = values
        self.path = path
        self.budget = Budget() if budget is None else budget
        self.settings = {} if settings is None else settings
        self._own = values if own is None else own
        self._parent = parent
        self._meant: set[str] = set()
        """The known keys that misspelt ones stand for."""

    def at(self, key: str) -> str:
        """The path of a member, where it is written: an inherited one stands further up."""
        fields = self
        while fields._parent is not None and key in fields.values and key not in fields._own:
            fields = fields._parent
            strategy = fields.values.get("strategy")
            if key == "cb_config" and isinstance(strategy, dict) and strategy.get(key) is not None:
                return f"{fields.path}.strategy.{key}"
        return f"{fields.path}.{key}"

    def complain(self, key: str, reason: str, *, plain: str = PLAIN_INVALID, index: int | None = None) -> None:
        """Add a problem of a member, or of an item of it. Raises Enough."""
        where = self.at(key)
        self.budget.problems.add(refuse(where if index is None else f"{where}[{index}]", reason, plain=plain))

    def missing(self, key: str, reason: str, *, plain: str = PLAIN_INVALID) -> None:
        """Add the problem that a member is not there, unless a misspelt one stands for it. Raises Enough."""
        if not self.is_misspelt(key):
            self.complain(key, reason, plain=plain)

    def is_misspelt(self, key: str) -> bool:
        """Whether ``check_keys`` took another key for this one."""
        return key in self._meant

    def complain_of_all(self, reason: str) -> None:
        """Add a problem of the object as a whole. Raises Enough."""
        self.budget.problems.add(refuse(self.path, reason))

    def check_keys(self, known: Collection[str], *, only: bool = False) -> None:
        """Refuse a key that is nearly a known key (a typo). With ``only``, refuse every unknown key."""
        cutoff, known_keys = 0.5 if only else _NEAR, frozenset(known)
        for key in self._own:
            if key in known_keys:
                continue
            meant = self.budget.nearest(key, known_keys, cutoff)
            if only or meant is not None:
                way_out = hint(key, known, f"there are {', '.join(sorted(known))}", cutoff, "'")
                self.complain(key, f"there is no such setting: {way_out}")
            if meant is not None:
                self._meant.add(meant)

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
            self._mistyped(key, "number")
            return None
        if not max(least, -_LARGEST) <= value <= _LARGEST:
            self.complain(key, f"it must be at least {least:g}" if value < least else "it is too large")
            return None
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
                self.complain(key, f"Expected string, received {_type_name(item)}", index=index)
        return tuple(item for item in value if isinstance(item, str))

    def status_codes(self, key: str) -> frozenset[int] | None:
        """A list of HTTP statuses, as numbers or as strings: ``[429, "503"]``."""
        value = self.array(key)
        if value is None:
            return None
        codes = set()
        for index, item in enumerate(value):
            code = int(item) if isinstance(item, str) and item.isdecimal() and len(item) <= _DIGITS else item
            is_whole = code.is_integer() if isinstance(code, float) else type(code) is int
            if not is_whole:
                self.complain(key, f"Expected number, received {_type_name(item)}", index=index)
            else:
                codes.add(int(code))
        return frozenset(codes)

    def error_classes(self, key: str) -> frozenset[ErrorClass] | None:
        names = self.array(key)
        if names is None:
            return None
        known = [error.value for error in ErrorClass]
        for index, name in enumerate(names):
            if not isinstance(name, str):
                self.complain(key, f"Expected string, received {_type_name(name)}", index=index)
            elif name not in known:
                way_out = hint(name, known, f"there are {', '.join(known)}", quote="'")
                self.complain(key, f"there is no such class of errors: {way_out}", index=index)
        return frozenset(ErrorClass(name) for name in names if name in known)

    def _typed(self, key: str, kind: type, name: str) -> Any:
        value = self.values.get(key)
        if value is not None and not isinstance(value, kind):
            self._mistyped(key, name)
            return None
        return value

    def _mistyped(self, key: str, expected: str) -> None:
        self.complain(key, f"Expected {expected}, received {_type_name(self.values[key])}")


def _type_name(value: object) -> str:
    return _TYPE_NAMES.get(type(value), "null")
