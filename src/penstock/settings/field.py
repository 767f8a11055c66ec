"""One setting as a thing to be named, read, written and explained. Made from the declarations in model.py."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from penstock.core.json_text import read_json, write_json
from penstock.settings.model import Settings

_SIZE: Final = re.compile(r"(\d{1,15}) ?(?:([KMGT])i?)?B?", re.IGNORECASE)
_POWERS: Final = "_KMGT"
_SHOWN: Final = 60


class Field(msgspec.Struct, frozen=True):
    """A setting: its place in the file, what it must be, what it is for."""

    section: str
    key: str
    type: Any
    default: Any
    expected: str
    description: str
    unit: str = ""
    listed: bool = False
    """Several values: a list in the file, elsewhere separated by commas, or a list as JSON: it begins with ``["``."""
    secret: bool = False
    example: Any = None
    flag: str = ""
    """The flag of ``penstock serve`` for a setting that is not of the section ``server``."""

    @property
    def name(self) -> str:
        return f"{self.section}.{self.key}"

    @property
    def variable(self) -> str:
        return f"PENSTOCK_{self.section}_{self.key}".upper()

    @property
    def short_variable(self) -> str | None:
        """The section is left out for the settings that people type: those of the server, and those with a flag."""
        return f"PENSTOCK_{self.key}".upper() if self.section == "server" or self.flag else None

    def read(self, value: Any) -> Any:
        """A value from the file. Raises ValueError when it does not fit."""
        return self._convert(value, strict=True)

    def read_text(self, text: str) -> Any:
        """A value from a variable or a flag. Raises ValueError when it does not fit, or is no UTF-8."""
        text.encode()
        if self.listed:
            is_json = text.lstrip().startswith('["')
            parts = [part.strip() for part in text.split(",") if part.strip()]
            return self._convert(read_json(text.encode()) if is_json else parts, strict=True)
        return self._convert(text, strict=False)

    def means_unset(self, text: str) -> bool:
        """Whether a variable counts as not set: an empty one does, save where empty text or an empty list is meant."""
        return not text and self.default != "" and not self.listed

    def show(self, value: Any) -> str:
        """A value as an error message may quote it."""
        if self.secret:
            return "something else"
        shown = str(value) if isinstance(value, float) else write_json(value).decode()
        return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"

    def _convert(self, value: Any, *, strict: bool) -> Any:
        if self.unit == "bytes" and isinstance(value, str):
            value = _bytes(value)
        try:
            return msgspec.convert(value, self.type, strict=strict)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None


def _bytes(text: str) -> int:
    """``100 MB`` as a number. K, M, G and T count in steps of 1024, with or without an i. Raises ValueError."""
    size = _SIZE.fullmatch(text.strip())
    if size is None:
        raise ValueError("no size")
    return int(size[1]) << 10 * _POWERS.index((size[2] or "_").upper())


def _fields() -> dict[str, Field]:
    found = {}
    for section in msgspec.structs.fields(Settings):
        for declared in msgspec.structs.fields(section.type):
            field = _field(section.name, declared)
            found[field.name] = field
    return found


def _field(section: str, declared: msgspec.structs.FieldInfo) -> Field:
    options: dict[str, Any] = {}
    for meta in declared.type.__metadata__:
        options |= {"expected": meta.title} if meta.title else {}
        options |= {"description": meta.description} if meta.description else {}
        options |= {"example": meta.examples[0]} if meta.examples else {}
        options |= meta.extra or {}
    return Field(section, declared.name, declared.type, declared.default, **options)


FIELDS: Final = _fields()
"""All settings by ``section.key``, in the order of their declaration."""
