"""What libraries may log: nothing below a warning, whatever level the operator or an ASGI server sets.

At level debug botocore writes the session token and the string that it signs, urllib3 and httpx write addresses with
their queries, and google-auth writes requests for tokens.
"""

from __future__ import annotations

import logging
from typing import Final

_LIBRARIES: Final = (
    "asyncio", "boto3", "botocore", "cryptography", "google", "h11", "hpack", "httpcore", "httptools", "httpx",
    "keyring", "requests", "requests_oauthlib", "s3transfer", "urllib3",
)  # fmt: skip
"""Those that the gateway may load, and those that its extras may bring along."""


def quieten_libraries() -> None:
    """Pin the loggers of libraries at warning. A level that is set already stays if it says less."""
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
