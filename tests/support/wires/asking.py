"""Requests of a caller, read."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from matrix import ask
from penstock.core.chat import (
    ChatRequest,
)
from penstock.dialects.openai.caller.request import read


def request(body: dict[str, Any]) -> ChatRequest:
    found = read(json.dumps(body).encode())
    assert isinstance(found, ChatRequest), found
    return found


def parts(message: dict[str, Any]) -> tuple[Any, ...]:
    return request(ask(message)).messages[0].parts


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "role content type text tool_calls function name arguments id thinking signature data".split()
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)
