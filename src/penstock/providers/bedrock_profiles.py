"""Names on Bedrock that stand for a model without naming it: a company's own inference profile, provisioned capacity.

Bedrock's control plane tells the model. Sources: Amazon Bedrock API reference, GetInferenceProfile and
GetProvisionedModelThroughput; docs/portkey.md#bedrock-converse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from penstock.auth import sigv4
from penstock.core.http import Url
from penstock.core.json_text import read_json

_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:bedrock:[a-z0-9-]*:[0-9]*:(application-inference-profile|provisioned-model)/[a-zA-Z0-9:.-]+"
)
_PATHS: Final = {
    "application-inference-profile": "/inference-profiles/",
    "provisioned-model": "/provisioned-model-throughput/",
}


def where_told(name: str, options: Mapping[str, str]) -> Url | None:
    """Where the control plane tells what a name stands for; None for a name that says so itself."""
    found = _ARN.fullmatch(name)
    if found is None:
        return None
    region = options.get("aws_region", "")
    return Url.parse(
        f"https://bedrock.{region}.{sigv4.domain(region)}{_PATHS[found[1]]}{quote(name, safe='')}", trusted=True
    )


def model_in(body: bytes) -> str:
    """The ARN of the model, which ends in its name; empty when the answer tells none."""
    try:
        value = read_json(body)
    except ValueError:
        return ""
    members = value if isinstance(value, dict) else {}
    models: Any = members.get("models") or [{"modelArn": members.get("foundationModelArn")}]
    first = models[0] if isinstance(models, list) else None
    arn = first.get("modelArn") if isinstance(first, dict) else None
    return arn if isinstance(arn, str) else ""
