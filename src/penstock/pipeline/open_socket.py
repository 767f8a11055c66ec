"""Stage, inside an attempt: a WebSocket to a target. The request asks for the protocol, the reply has to agree.

What the caller's wire says in the socket passes unchanged, so that the host must speak the caller's wire. Extensions
are not offered: frames pass as they are. Source: RFC 6455, 4.1.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, unquote_plus

from penstock.core.failure import Failure, Kind
from penstock.core.http import header_line, with_query
from penstock.core.outcome import Outcome
from penstock.pipeline.call import Answer, Call
from penstock.pipeline.prepare import PreparedRequest, prepare_socket
from penstock.pipeline.replies.response_headers import reply_headers
from penstock.pipeline.target_route import TargetRoute
from penstock.transport.base import Reply, Switched

SWITCHING: Final = 101
SUBPROTOCOLS: Final = b"sec-websocket-protocol"
_FORWARDED: Final = ("realtime", "openai-beta.")
"""How the subprotocols begin that are no credential, and that name no account."""
_HANDSHAKE: Final = b"sec-websocket-"


def socket_request(call: Call, route: TargetRoute) -> PreparedRequest | Failure:
    """The request for a WebSocket at a target."""
    if ";" in call.query:
        text = "Some hosts read a semicolon in a query as the beginning of another parameter: write it as %3B."
        return Failure(Kind.INVALID_REQUEST, text, "query")
    return prepare_socket(call, route, _handshake(call), _query)


def _handshake(call: Call) -> bytes:
    from websockets.utils import generate_key  # few gateways have sessions, and every start would pay for it

    lines = [b"connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"]
    lines.append(header_line(b"sec-websocket-key", generate_key().encode()))
    offered = forwarded_protocols(call)
    if offered:
        lines.append(header_line(SUBPROTOCOLS, ", ".join(offered).encode()))
    return b"".join(lines)


def offered_protocols(call: Call) -> list[str]:
    """The subprotocols that the caller offers, those that hold a credential among them."""
    values = [value.decode("latin-1") for name, value in call.headers if name == SUBPROTOCOLS]
    return [each.strip() for value in values for each in value.split(",") if each.strip()]


def forwarded_protocols(call: Call) -> list[str]:
    """Those of the caller's subprotocols that a provider is offered."""
    return [each for each in offered_protocols(call) if each.startswith(_FORWARDED) and each.isascii()]


def _query(call: Call, target: bytes, model: str | None) -> bytes:
    """The request target with the caller's query; the model's name is the target's, and so is what Azure's clients say
    of theirs. Hosts may read names in any case."""
    own = {_name(pair) for pair in target.decode("latin-1").partition("?")[2].split("&")} | _OF_THE_TARGET
    pairs = [pair for pair in call.query.split("&") if pair and _name(pair) not in own]
    if model is not None:
        pairs.insert(0, f"model={quote(model, safe='')}")
    return with_query(target, "&".join(pairs)) if pairs else target


_OF_THE_TARGET: Final = frozenset({"model", "deployment", "api-version"})


def _name(pair: str) -> str:
    return unquote_plus(pair.partition("=")[0]).strip().lower()


def opened(reply: Reply, prepared: PreparedRequest, host: str) -> Answer | Failure:
    """The answer that an open WebSocket is; the failure if the provider did not switch to it as it should."""
    problem = _problem(reply, prepared.headers)
    if problem is not None:
        text = f"The provider at {host} did not open a WebSocket: {problem}."
        return Failure(Kind.INVALID_RESPONSE, text, sent=True)
    headers = [field for field in reply_headers(reply.headers) if not field[0].startswith(_HANDSHAKE)]
    return Answer(SWITCHING, headers, b"", Outcome(200), rest=reply, model=prepared.model)


def _problem(reply: Reply, sent: bytes) -> str | None:
    if reply.status != SWITCHING or not isinstance(reply, Switched):
        return f"it answered with status {reply.status}"
    from websockets.utils import accept_key

    fields = dict(reply.headers)
    lines = dict(line.split(b": ", 1) for line in sent.split(b"\r\n") if b": " in line)
    key = next(value for name, value in lines.items() if name.lower() == b"sec-websocket-key")
    if fields.get(b"upgrade", b"").lower() != b"websocket":
        return "it switched to another protocol"
    if fields.get(b"sec-websocket-accept", b"").decode("latin-1") != accept_key(key.decode()):
        return "its proof of the key is wrong"
    if b"sec-websocket-extensions" in fields:
        return "it uses an extension that it was not offered"
    return None
