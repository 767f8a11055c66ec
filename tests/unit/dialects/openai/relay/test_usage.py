"""OpenAI's token counts: read or unknown."""

import pytest

from penstock.core.usage import Usage
from penstock.dialects.openai.relay.usage import read_usage


@pytest.mark.parametrize(
    ("raw", "usage"),
    [
        (b'{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}', Usage(3, 4, 7)),
        (
            b'{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":8},"completion_tokens_details":{"reasoning_tokens":2},"x":[]}',
            Usage(prompt=9, cached=8, reasoning=2),
        ),
        (
            b'{"prompt_tokens":9,"completion_tokens":2,"total_tokens":17,"completion_tokens_details":{"reasoning_tokens":6}}',
            Usage(9, 8, 17, reasoning=6),
        ),  # docs/quirks.md#q78
        (b'{"prompt_tokens":3.0,"prompt_tokens_details":null}', Usage(3)),
        (b"null", None),
        (b"[]", None),
        (b"{}", None),
        (b'{"total_tokens":7}', None),
        (b'{"prompt_tokens":null,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":2}}', None),
        (b'{"completion_tokens":0}', Usage(None, 0)),
        (b'{"prompt_tokens":"many"}', None),
        (b'{"prompt_tokens":3,"completion_tokens":"many"}', Usage(3)),
        (b'{"prompt_tokens":3,"completion_tokens":4.5,"prompt_tokens_details":[]}', Usage(3)),
        (b'{"prompt_tokens":3,"total_tokens":{},"prompt_tokens_details":{"cached_tokens":2}}', Usage(3, cached=2)),
    ],
)
def test_usage_is_read_or_unknown(raw: bytes, usage: Usage | None) -> None:
    assert read_usage(raw) == usage
