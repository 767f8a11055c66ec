"""The words by which providers tell errors that need another reaction than their HTTP status suggests, as rows."""

from __future__ import annotations

from penstock.dialects.error_words.lookup import ROWS, class_of_code, class_of_text
from penstock.dialects.error_words.row import ErrorWords

__all__ = ["ROWS", "ErrorWords", "class_of_code", "class_of_text"]
