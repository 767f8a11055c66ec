"""What one host of OpenAI's wire takes or sends otherwise than OpenAI does: data of a provider row, read by
dialects/openai. Each quirk carries its reason and a link.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from penstock.core.body import Body


class Rename(msgspec.Struct, frozen=True):
    """The provider knows the parameter under another name."""

    parameter: str
    to: str
    reason: str
    link: str


class Drop(msgspec.Struct, frozen=True):
    """The provider answers with an error when the parameter is present; it is left out and named to the caller."""

    parameter: str
    reason: str
    link: str


class ThinkingControl(msgspec.Struct, frozen=True):
    """How a host that isn't OpenAI is told how much to think: in the words of the model's family, or by a switch.

    ``switch`` is the parameter that turns thinking on and off, ``on`` and ``off`` its values as JSON. While a
    model thinks, a host that ``wants_thoughts`` refuses earlier calls of tools without what was thought then.
    """

    switch: str = ""
    on: bytes = b""
    off: bytes = b""
    wants_thoughts: bool = False
    streaming_families: frozenset[str] = frozenset()
    """The families of models that think in streams only: a plain call must turn thinking off."""


WORDS: Final = ThinkingControl()
"""https://docs.x.ai/developers/model-capabilities/text/reasoning"""
THINKING_TYPE: Final = ThinkingControl("thinking", b'{"type":"enabled"}', b'{"type":"disabled"}')
"""https://docs.z.ai/guides/capabilities/thinking-mode"""
THINKING_TYPE_AND_THOUGHTS: Final = msgspec.structs.replace(THINKING_TYPE, wants_thoughts=True)
"""https://api-docs.deepseek.com/guides/thinking_mode, https://platform.kimi.ai/docs/guide/use-kimi-k2-thinking-model"""
ENABLE_THINKING: Final = ThinkingControl("enable_thinking", b"true", b"false", streaming_families=frozenset({"qwen-3"}))
"""https://www.alibabacloud.com/help/en/model-studio/deep-thinking"""


class ChatQuirks(msgspec.Struct, frozen=True):
    """The quirks of one host. The defaults are those of a host that takes everything as OpenAI documents it, save the
    role ``developer``."""

    renames: tuple[Rename, ...] = ()
    drops: tuple[Drop, ...] = ()
    developer_role: bool = False
    """False: messages of role ``developer`` are sent as ``system``, the name that hosts other than OpenAI know."""
    completes_replies: bool = False
    """True: members of its plain replies that the schema requires and that may be null are put in where they are
    absent, even if nothing else deviates."""
    leaves_reason_out: bool = False
    """True: its answers end without a finish reason; a whole reply, or ``[DONE]``, says that they have ended well.
    Elsewhere an answer without one may have been cut, and is given without."""
    adapts_request: Callable[[Body], Body] | None = None
    """Puts a request as this host takes it."""
    applies_model_limits: bool = False
    """True: what one of its models is known to refuse (``traits``) is renamed or left out, and named to the caller."""
    thinking: ThinkingControl | None = None
    """How the host is told how much to think, where ``applies_model_limits``; None: ``reasoning_effort`` as given."""
    keeps_reasoning: bool = False
    """True: a gateway that passes every maker's opaque reasoning on to its own maker (``reasoning_details``)."""
    keeps: frozenset[str] = frozenset()
    """The parameters that a host knows which forbids all others; empty: others pass."""
    message_members: Mapping[str, frozenset[str]] = {}
    """The members of messages that such a host knows, by the messages' role; of roles that are not named all pass."""
    takes_cache_markers: bool = True
    """False: the host answers ``cache_control`` in messages and tools with an error."""
    takes_schemas: bool = True
    """False: of ``response_format`` the host knows ``json_object`` and no schema, which the model is told in words."""
    responses_only: re.Pattern[str] | None = None
    """The names of models that the host serves in the wire of Responses alone (providers/endpoint.py)."""
    stream_usage: bool = False
    """True: the host documents ``stream_options.include_usage``, so a stream's usage is always asked for."""


NO_QUIRKS: Final = ChatQuirks()
