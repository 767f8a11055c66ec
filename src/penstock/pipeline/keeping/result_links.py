"""Where the results of a batch of Messages are asked for: at the gateway, and not at the host's own address.

Anthropic's SDKs send the request for the results, and with it their key, to the address in the batch. Its path alone
leads them back to their base URL. Source: Claude API reference, "Retrieve a Message Batch" (``results_url``).
"""

from __future__ import annotations

import re
from typing import Final

from penstock.dialects.framing.frame import MAX_FRAME
from penstock.pipeline.replies.wrapped_reply import TransformedReply
from penstock.transport.base import Reply

_BATCHES: Final = b"/messages/batches"
_RESULTS: Final = b"/results"
_LINK: Final = re.compile(rb'("results_url"\s*:\s*")https?://[^"/\\]+[^"\\]*?(/v1/messages/batches/[^"/\\]+/results")')


def tells_of_batches(target: bytes) -> bool:
    """Whether the reply to a request for this path and query tells of batches. Results hold what models wrote."""
    return _BATCHES in target and not target.partition(b"?")[0].endswith(_RESULTS)


def with_own_links(reply: Reply) -> Reply:
    """The reply with paths in place of addresses; one of more than ``MAX_FRAME`` bytes as it is."""
    return TransformedReply(reply, own_links, MAX_FRAME)


def own_links(body: bytes) -> bytes:
    """The body of a reply with paths in place of addresses. Quotes within texts are escaped, and match nothing."""
    return _LINK.sub(rb"\1\2", body)
