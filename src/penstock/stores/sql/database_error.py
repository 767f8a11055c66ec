"""Why a database can't be used: importable without SQLAlchemy, whose import takes longer than all else at start."""

from __future__ import annotations


class DatabaseError(Exception):
    """The database can't be used. The message says why and what to do, without the password of its address."""


class ValueRefused(DatabaseError):
    """The database works, and refuses a value: a number that its column can't hold, or a sum. The same statement will
    be refused again."""
