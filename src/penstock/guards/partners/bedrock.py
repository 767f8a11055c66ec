"""Amazon Bedrock's guardrails: ``bedrock.guard``.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from penstock.core.secret import Secret
from penstock.core.segments import Segment
from penstock.guards.base import Check, CloudIdentity, Context, Edit, Judgement, Phase, Prepared
from penstock.guards.parameters import Parameters
from penstock.guards.partners.exchange import (
    Credentials,
    Exchange,
    PartnerCall,
    filled,
    inside,
    masked,
    objects,
    prepared,
    walked,
)

_REGION: Final = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}")
_HARMLESS: Final = frozenset({"ANONYMIZED", "NONE"})
_OPTIONS: Final = {
    "aws_access_key_id": ("awsAccessKeyId", "accessKeyId"),
    "aws_secret_access_key": ("awsSecretAccessKey", "accessKeySecret"),
    "aws_session_token": ("awsSessionToken",),
    "aws_role_arn": ("awsRoleArn",),
    "aws_external_id": ("awsExternalId",),
    "aws_auth_type": ("awsAuthType",),
}
"""Options of a target by their names in the credentials of a guard."""


def _guard(parameters: Parameters) -> Prepared:
    guardrail, version = parameters.required_text("guardrailId"), parameters.required_text("guardrailVersion")
    redacts = parameters.switch("redact")
    credentials = Credentials(parameters)
    region = credentials.text("awsRegion", "region", default="us-east-1")
    if not _REGION.fullmatch(region):
        parameters.complain("credentials.awsRegion", "it must be a region such as eu-west-1")
    credentials.required("awsAccessKeyId", "accessKeyId")
    credentials.required("awsSecretAccessKey", "accessKeySecret")
    options = {name: Secret(credentials.text(*names)) for name, names in _OPTIONS.items()}
    if options["aws_auth_type"].reveal() not in {"", "assumedRole", "accessKey"}:
        parameters.complain("credentials.awsAuthType", "it must be accessKey or assumedRole")
    if options["aws_auth_type"].reveal() != "assumedRole":
        options["aws_role_arn"] = options["aws_auth_type"] = Secret("")
    path = f"/guardrail/{quote(guardrail, safe='')}/version/{quote(version, safe='')}/apply"

    def calls(context: Context) -> list[PartnerCall]:
        source = "INPUT" if context.phase is Phase.BEFORE else "OUTPUT"
        content = [{"text": {"text": segment.text}} for segment in filled(context)]
        return [PartnerCall(path, {"source": source, "content": content})] if content else []

    def read(context: Context, replies: Sequence[Any]) -> Judgement | None:
        return _read(filled(context), replies[0], redacts=redacts)

    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    identity = CloudIdentity("aws", {"aws_region": Secret(region), **options})
    base = f"https://bedrock-runtime.{region}.{domain}"
    return prepared(parameters, Exchange("Bedrock", base, calls, read, identity=identity, transforms=redacts))


def _read(segments: Sequence[Segment], reply: Any, *, redacts: bool) -> Judgement | None:
    action = inside(reply, "action")
    if action == "NONE":
        return Judgement(verdict=True, data=reply)
    if action != "GUARDRAIL_INTERVENED":
        return None
    findings = [each for each in walked(inside(reply, "assessments")) if isinstance(each.get("action"), str)]
    masks = [each for each in findings if each["action"] == "ANONYMIZED"]
    if not redacts or not masks:
        return Judgement(verdict=False, data=reply)
    # A text that is refused for its topic passes by no mask: every finding must be one that was masked.
    passes = all(each["action"] in _HARMLESS for each in findings)
    outputs = [each.get("text") for each in objects(inside(reply, "outputs"))]
    edits = masked(segments, outputs) if passes else None
    if edits is None:
        found = [_edits_of(segments, each) for each in masks]
        # Nor does one by a mask of which nobody knows the place.
        passes, edits = passes and all(found), tuple(itertools.chain.from_iterable(found))
    return Judgement(passes, reply, edits=edits)


def _edits_of(segments: Sequence[Segment], mask: dict[str, Any]) -> list[Edit]:
    """The edits that put ``{EMAIL}`` or a pattern's ``{name}`` in the place of a value that was found."""
    value, label = mask.get("match"), mask.get("type") or mask.get("name")
    if not isinstance(value, str) or not value:
        return []
    return [
        Edit(segment.pointer, each.start(), each.end(), f"{{{label}}}")
        for segment in segments
        for each in re.finditer(re.escape(value), segment.text)
    ]


CHECKS: Final = (Check("bedrock.guard", _guard, quotes=True),)
