"""The credentials that ``penstock.secrets`` knows, by the prefixes that their makers give them.

Sources: the documents of the makers, and GitHub's list of secret scanning patterns
(https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

from penstock.core.json_text import read_json_or_none
from penstock.guards.detect.detector import Detector, always, starts_of

_LEFT: Final = r"(?<![A-Za-z0-9_-])"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_]")
_PEM_WIDTH: Final = 8200


def _ends(text: str, start: int, end: int) -> int:
    """Accept a token behind which no letter, digit or underscore follows: a longer one is none of this maker's."""
    del start
    return 0 if _TOKEN.match(text, end) else end


def _jwt(text: str, start: int, end: int) -> int:
    """Accept three parts of which the first is a JSON object in base64url."""
    head = text[start:end].split(".", 1)[0]
    try:
        decoded = base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))
    except (ValueError, binascii.Error):
        return 0
    return end if isinstance(read_json_or_none(decoded), dict) else 0


def _token(kind: str, prefixes: str, rest: str, width: int = 200) -> Detector:
    """A credential with one of some prefixes, and a pattern of what follows it."""
    marks = tuple(prefixes.split())
    prefix = "|".join([re.escape(each) for each in marks])
    return Detector(
        kind, f"{_LEFT}(?:{prefix}){rest}", starts_of(re.compile(prefix)), marks, _ends, width, begins_at_mark=True
    )


_DETECTORS: Final = (
    _token("aws_access_key", "AKIA ASIA ABIA ACCA", "[A-Z2-7]{16}", 21),
    Detector(
        "aws_secret_key",
        r"(?<![A-Za-z0-9])(?:aws_secret_access_key|AWS_SECRET_ACCESS_KEY)[\"']? ?[:=] ?[\"']?[A-Za-z0-9/+]{40}",
        starts_of(re.compile("aws_secret_access_key|AWS_SECRET_ACCESS_KEY")),
        ("aws_secret", "AWS_SECRET"),
        _ends,
        80,
        begins_at_mark=True,
    ),
    _token("github_token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", "[A-Za-z0-9_]{22,255}", 270),
    _token("gitlab_token", "glpat- gldt- glrt- glcbt- glptt- glsoat-", "[A-Za-z0-9_-]{20,100}", 120),
    _token("slack_token", "xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs- xapp-", "[A-Za-z0-9-]{10,250}", 260),
    _token("google_api_key", "AIza", "[A-Za-z0-9_-]{35}", 40),
    _token("google_oauth", "GOCSPX- ya29.", "[A-Za-z0-9_-]{20,500}", 520),
    _token("stripe_key", "sk_live_ sk_test_ rk_live_ rk_test_", "[A-Za-z0-9]{16,200}", 220),
    _token("anthropic_key", "sk-ant-", "[A-Za-z0-9_-]{20,200}", 220),
    _token("openai_key", "sk-", "(?!ant-)(?:[a-z]{2,10}-)?[A-Za-z0-9_-]{20,250}", 270),
    _token("huggingface_token", "hf_", "[A-Za-z]{30,40}", 45),
    _token("npm_token", "npm_", "[A-Za-z0-9]{36}", 42),
    _token("pypi_token", "pypi-AgEIcHlwaS5vcmc", "[A-Za-z0-9_-]{50,500}", 530),
    _token("sendgrid_key", "SG.", "[A-Za-z0-9_-]{16,32}\\.[A-Za-z0-9_-]{16,64}", 110),
    _token("twilio_key", "SK AC", "[0-9a-f]{32}", 36),
    _token("digitalocean_token", "doo_v1_ dop_v1_ dor_v1_", "[0-9a-f]{64}", 80),
    _token("shopify_token", "shpat_ shpca_ shppa_ shpss_", "[0-9a-fA-F]{32}", 42),
    _token("azure_storage_key", "AccountKey=", "[A-Za-z0-9+/]{86}==", 110),
    _token("groq_key", "gsk_", "[A-Za-z0-9]{40,60}", 70),
    _token("xai_key", "xai-", "[A-Za-z0-9]{40,100}", 110),
    _token("perplexity_key", "pplx-", "[A-Za-z0-9]{40,60}", 70),
    Detector(
        "jwt",
        _LEFT + r"eyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8,6000}\.[A-Za-z0-9_-]{0,1000}",
        starts_of(re.compile("eyJ")),
        ("eyJ",),
        _jwt,
        9100,
        begins_at_mark=True,
    ),
    Detector(
        "private_key",
        r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----[\s\S]{0,8000}?-----END (?:[A-Z0-9]+ ){0,4}"
        r"PRIVATE KEY(?: BLOCK)?-----",
        starts_of(re.compile("-----BEGIN ")),
        ("-----BEGIN",),
        always,
        _PEM_WIDTH,
        first_end_is_final=True,
        begins_at_mark=True,
    ),
)

SECRETS: Final[Mapping[str, Detector]] = {each.kind: each for each in _DETECTORS}
"""The detectors by the names that ``kinds`` may hold."""
