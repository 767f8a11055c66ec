"""Reads the members of a body: every spelling that Portkey's clients use, all problems at once.

Python's client sends snake_case, Node's sends camelCase at some levels; both are read at every level. A member that
nobody knows is a problem, since a limit under a misspelt name would not limit. A member can be absent (keep what is),
null (clear) or a value. Source: docs/control-plane.md#bodies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from penstock.control.refusal import Problem, Problems
from penstock.core.did_you_mean import hint
from penstock.core.json_text import write_json
from penstock.core.rfc3339 import unix_microseconds

VALUE: Final = None
"""In ``Fields``: a member that is a plain value, or an object whose own members are nobody's business here."""


class Fields(dict[str, "Fields | None"]):
    """The members that an object may have: ``VALUE``, or the fields of an inner object or of an array's objects."""


NOISE: Final = frozenset(
    """
    id slug type sub-type sub_type workspace_id organisation_id organization_id user_id prompt_id export_id guardrail_id
    feedback_id invite_id integration_id
    """.split()
)
"""Members that clients repeat in a body although the path says the same."""
LONGEST_NAME: Final = 256
LONGEST_TEXT: Final = 4096
_MOST_ITEMS: Final = 1000
_NOTHING: Final = frozenset({"", "NOT_GIVEN", "None", "undefined", "null"})
"""What clients send in a query for a value that was not given."""


def is_plain(text: str) -> bool:
    """Whether a database can hold a text: PostgreSQL takes no NUL, and no UTF-8 holds half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def in_snake_case(name: str) -> str:
    """``isDefault`` as ``is_default``."""
    small = name.lower()
    return small if small == name else _CAPITAL.sub(r"_\1", name).lower()


_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")


class Members:
    """The members of one object. A getter returns None where a member is absent, null or of another kind; the last is a
    problem. ``finish`` raises Refusal with all problems; a body with very many is refused while it is read."""

    def __init__(
        self,
        values: object,
        fields: Fields,
        pointer: str = "",
        problems: Problems | None = None,
        *,
        noise: Collection[str] = NOISE,
    ) -> None:
        self.problems = Problems() if problems is None else problems
        self.pointer = pointer
        self.fields = fields
        self.values: dict[str, Any] = {}
        if isinstance(values, Mapping):
            self._respell(values, noise)
        else:
            self.problems.append(Problem(pointer, "expected an object"))

    def _respell(self, values: Mapping[str, Any], noise: Collection[str]) -> None:
        for key, value in values.items():
            name = key if key in self.fields else in_snake_case(key)
            if name not in self.fields:
                if key not in noise and name not in noise:
                    rest = f"there are {', '.join(self.fields)}"
                    self.complain(key, f"unknown member: {hint(in_snake_case(key), self.fields, rest)}")
            elif name in self.values and self.values[name] != value:
                self.complain(key, f"it is {name} in another spelling, with another value: leave one of them out")
            else:
                self.values[name] = value

    def complain(self, name: str, text: str) -> None:
        self.problems.append(Problem(self.at(name), text))

    def at(self, name: str) -> str:
        """The JSON pointer of a member."""
        return f"{self.pointer}/{name[:64].replace('~', '~0').replace('/', '~1')}"

    def finish(self) -> None:
        self.problems.finish()

    def has(self, name: str) -> bool:
        """Whether a member is there, be it null."""
        return name in self.values

    def require(self, *names: str) -> None:
        """Each of these members must be there and not null."""
        for name in names:
            if self.values.get(name) is None:
                self.complain(name, "missing")

    def text(self, name: str, longest: int = LONGEST_TEXT) -> str | None:
        """A text of at least one character, without spaces around it."""
        value = self._of(name, lambda value: isinstance(value, str), "a text")
        if value is None:
            return None
        text = str(value).strip()
        if not text or len(text) > longest or not is_plain(text):
            self.complain(name, f"expected a text of 1 to {longest} characters")
            return None
        return text

    def remark(self, name: str, longest: int = LONGEST_TEXT) -> str:
        """A text for people that may be empty: null and an empty text are none, as clients clear one in either way."""
        value = self.values.get(name)
        return "" if isinstance(value, str) and not value.strip() else self.text(name, longest) or ""

    def switch(self, name: str) -> bool | None:
        """True or false, also as 1 and 0."""
        value = self._of(name, lambda value: value in {0, 1} if isinstance(value, int) else False, "true or false")
        return None if value is None else bool(value)

    def whole(self, name: str, least: int, most: int) -> int | None:
        """A whole number within bounds."""

        def is_within(value: object) -> bool:
            return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most

        value: int | None = self._of(name, is_within, f"a whole number from {least} to {most}")
        return value

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        value: str | None = self._of(name, lambda value: value in choices, f"one of {', '.join(choices)}")
        return value

    def timestamp(self, name: str) -> int | None:
        """A time as text, in microseconds since 1970."""
        value = self.values.get(name)
        if value is None:
            return None
        try:
            return unix_microseconds(value)
        except ValueError as problem:
            self.complain(name, str(problem))
            return None

    def texts(self, name: str) -> list[str] | None:
        """A list of texts."""
        value: list[str] | None = self._of(name, _are_texts, f"a list of at most {_MOST_ITEMS} texts")
        return value

    def labels(self, name: str, most: int, longest: int) -> dict[str, str] | None:
        """Texts by name; numbers and booleans become texts."""

        def are_labels(value: object) -> bool:
            return isinstance(value, dict) and all(
                is_plain(key) and isinstance(each, str | int | float) and is_plain(_as_text(each))
                for key, each in value.items()
            )

        value = self._of(name, are_labels, "texts by name")
        if value is None:
            return None
        texts = {key: _as_text(each) for key, each in value.items()}
        if len(texts) > most:
            self.complain(name, f"there are {len(texts)}, and {most} at most may be set")
        for key, each in texts.items():
            if not key or max(len(key), len(each)) > longest:
                self.complain(
                    name, f"{key[:32]}: name and value have at most {longest} characters, the name at least 1"
                )
        return texts

    def inner(self, name: str) -> Members | None:
        """The members of an inner object, whose problems are told with those of this one."""
        fields = self.fields[name]
        value = self.values.get(name)
        if value is None or fields is None:
            return None
        return Members(value, fields, self.at(name), self.problems, noise=())

    def items(self, name: str) -> list[Members] | None:
        """The members of each object in a list."""
        fields = self.fields[name]
        value = self._of(name, lambda value: isinstance(value, list) and len(value) <= _MOST_ITEMS, "a list of objects")
        if value is None or fields is None:
            return None
        where = self.at(name)
        return [Members(each, fields, f"{where}/{index}", self.problems, noise=()) for index, each in enumerate(value)]

    def _of(self, name: str, fits: Callable[[Any], bool], expected: str) -> Any:
        value = self.values.get(name)
        if value is None or fits(value):
            return value
        self.complain(name, f"expected {expected}")
        return None


def _as_text(value: str | float) -> str:
    return value if isinstance(value, str) else write_json(value).decode()


def refuse_repeated(items: Sequence[Members], member: str) -> None:
    """A problem of each of an array's objects whose ``member`` one before it has: the two may contradict each other."""
    seen: set[str] = set()
    for each in items:
        value = each.values.get(member)
        if isinstance(value, str):
            if value in seen:
                each.complain(member, f"there is another entry for {value[:64]}: leave one of them out")
            seen.add(value)


def _are_texts(value: object) -> bool:
    if not isinstance(value, list) or len(value) > _MOST_ITEMS:
        return False
    return all(isinstance(each, str) and each and is_plain(each) for each in value)


def respelled(value: Any) -> Any:
    """A value whose members, at every level, are named in snake_case: for objects that are read elsewhere."""
    if isinstance(value, Mapping):
        return {in_snake_case(str(name)): respelled(each) for name, each in value.items()}
    return [respelled(each) for each in value] if isinstance(value, list) else value


def query_values(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The values of a query by their name in snake_case. Names that nobody knows are kept: clients send their own, and
    those of earlier calls. A value that was not given is absent."""
    return {in_snake_case(name): value for name, value in pairs if value not in _NOTHING}
