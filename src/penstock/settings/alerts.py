"""The settings of alerts: what people are told of, and where (docs/alerts.md)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from penstock.core.mail_address import LONGEST, PATTERN
from penstock.settings.kinds import YEAR, Number, Seconds, Text

AlertKind = Annotated[
    str, Meta(pattern="^(budget_threshold|budget_exhausted|circuit_open|store_down|error_rate|key_rotation)$")
]
MailAddress = Annotated[str, Meta(max_length=LONGEST, pattern=PATTERN)]
WebhookUrl = Annotated[
    str, Meta(pattern=r"^(https?://[^\s/?#@]+(/[^\s#]*)?)?$", title="a URL, such as https://example.com/hook")
]


class Alerts(Struct, frozen=True):
    """What people are told of: docs/alerts.md."""

    on: Annotated[
        tuple[AlertKind, ...],
        Meta(
            title="a list of budget_threshold, budget_exhausted, circuit_open, store_down, error_rate, key_rotation",
            description="What people are told of, where there is a webhook, Slack or mail to tell it by.",
            extra={"listed": True},
        ),
    ] = ("budget_threshold", "budget_exhausted", "circuit_open", "store_down", "error_rate", "key_rotation")
    webhook: Annotated[
        WebhookUrl,
        Meta(description="URL that alerts are posted to as JSON, signed; empty: none.", extra={"secret": True}),
    ] = ""
    webhook_secret: Annotated[
        Text,
        Meta(
            description="The secret that signs webhooks: `whsec_` and base64, or any other text. Empty: no signature.",
            extra={"secret": True},
        ),
    ] = ""
    slack: Annotated[
        WebhookUrl,
        Meta(
            description="URL of an incoming webhook of Slack, or of what takes the same; empty: none.",
            extra={"secret": True},
        ),
    ] = ""
    email_to: Annotated[
        tuple[MailAddress, ...],
        Meta(
            title="a list of mail addresses",
            description="Who is told by mail; what is told of a gateway key goes to its `alert_emails`, too.",
            examples=[["ops@example.com"]],
            extra={"listed": True},
        ),
    ] = ()
    email_from: Annotated[
        Text, Meta(description="Address that mails come from; empty: `penstock@` and this machine's name.")
    ] = ""
    smtp: Annotated[
        Text,
        Meta(
            description="Mail server: `smtp://USER:PASSWORD@HOST:587`, encrypted by STARTTLS where it can be, or "
            "`smtps://…:465`; empty: no mail.",
            extra={"secret": True},
        ),
    ] = ""
    timeout: Annotated[Seconds, Meta(description="Longest time for one attempt to tell an alert.")] = 10.0
    repeat_seconds: Annotated[
        float,
        Meta(
            ge=60,
            le=YEAR,
            title="a number of seconds from 60 to a year",
            description="The window in which the same circuit, store or error rate is told once. Budgets are told "
            "once in each of their own windows.",
            extra={"unit": "s"},
        ),
    ] = 3600.0
    error_rate: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            title="a number from 0 to 1",
            description="The part of requests that fail by a fault of a provider or the gateway from which on it is "
            "told; 0: never.",
        ),
    ] = 0.5
    error_window: Annotated[
        float,
        Meta(
            ge=10,
            le=86_400,
            title="a number of seconds from 10 to a day",
            description="The time over which failed requests are counted.",
            extra={"unit": "s"},
        ),
    ] = 300.0
    error_requests: Annotated[Number, Meta(description="Requests in this time below which no rate is told.")] = 20
