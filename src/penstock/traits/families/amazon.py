"""Amazon's own models, and AI21's: families that live on Bedrock. What they accept there is what they accept."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from penstock.core.chat import Owner
from penstock.core.traits import Traits
from penstock.traits.row import Row, words

_CONVERSE: Final = (
    "https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-supported-models-features.html"
)
_NOVA_2: Final = "https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html"

_NOVA: Final = Traits(family="nova", owner=Owner.AMAZON, json_schema=False, cache_points=True)
_PLAIN: Final = Traits(tools=False, vision=False, json_schema=False, system_role=False)

ROWS: Final = (
    Row(
        "nova-2",
        replace(_NOVA, family="nova-2", thinking="level", efforts=words("low", "medium", "high")),
        _NOVA_2,
        "at high, the limit of tokens and sampling parameters must be left out",
    ),
    Row("nova-micro", replace(_NOVA, family="nova-micro", vision=False, documents=False), _CONVERSE),
    Row("nova", _NOVA, _CONVERSE),
    Row("titan-text-premier", replace(_PLAIN, family="titan-premier", owner=Owner.AMAZON, documents=False), _CONVERSE),
    Row("titan", replace(_PLAIN, family="titan", owner=Owner.AMAZON), _CONVERSE),
    Row("jamba-instruct", replace(_PLAIN, family="jamba-instruct", documents=False, system_role=True), _CONVERSE),
    Row("jamba", Traits(family="jamba", vision=False, json_schema=False), _CONVERSE),
    Row("j2-", replace(_PLAIN, family="jurassic-2", documents=False), _CONVERSE, "one prompt, no conversation"),
)
