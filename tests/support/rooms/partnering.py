"""Recorded exchanges with partners: what a check must send, and what the partner's documents say comes back."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from judging import Way, asked, context
from penstock.guards.base import CheckError, Judgement, OutboundReply, OutboundRequest, Phase
from penstock.guards.edits import edited

KEY = "key-of-the-partner"


class Recorded(msgspec.Struct):
    """One exchange: the URL, the body that is asked, the reply. ``headers`` must be sent among others."""

    url: str
    body: Any
    reply: Any
    headers: dict[str, str] = {}
    status: int = 200


class Partner:
    """A way out that plays recorded exchanges, in their order, and fails a request that was not recorded so."""

    def __init__(self, *exchanges: Recorded) -> None:
        self.exchanges = list(exchanges)
        self.way = Way(self._answer)

    def _answer(self, request: OutboundRequest) -> OutboundReply | CheckError:
        exchange = self.exchanges.pop(0)
        assert (request.method, request.url) == ("POST", exchange.url)
        assert json.loads(request.body) == exchange.body
        assert exchange.headers.items() <= request.headers.items()
        assert KEY.encode() not in request.body
        assert KEY not in request.url
        raw = exchange.reply if isinstance(exchange.reply, bytes) else json.dumps(exchange.reply).encode()
        return OutboundReply(exchange.status, {"content-type": "application/json"}, raw)


def told(name: str, parameters: dict[str, Any], text: Any, *exchanges: Recorded, **more: Any) -> Judgement:
    """What a check says after these exchanges, all of which take place."""
    partner = Partner(*exchanges)
    judgement = asked(name, parameters, text, partner.way, **more)
    assert partner.exchanges == []
    assert KEY not in repr(judgement)
    return judgement


def changed(judgement: Judgement, text: Any, phase: Phase = Phase.BEFORE) -> Any:
    """The body's value with the judgement's edits."""
    return json.loads(edited(context(text, phase).body, judgement.edits))


def asked_text(judgement: Judgement, text: str) -> str:
    """A request's text with the judgement's edits."""
    return str(changed(judgement, text)["messages"][0]["content"])
