"""Reranking as Cohere's callers ask for it: Cohere's form is the common one, the errors are Cohere's own."""

from __future__ import annotations

from typing import Final

import msgspec

from penstock.dialects.caller import CallerDialect
from penstock.dialects.cohere.caller.errors import ERRORS
from penstock.dialects.openai.caller.endpoints import TYPED

COHERE: Final[CallerDialect] = msgspec.structs.replace(TYPED, errors=ERRORS)
"""Callers of ``/v2/rerank``."""
