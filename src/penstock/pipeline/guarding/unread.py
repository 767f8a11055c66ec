"""Requests whose texts no guard can read: what becomes of them where a guard would deny or change texts.

They pass, and their record says so; or the operator lets none through. What a model is asked with passes in no case:
there is an endpoint where guards can read it. Nor does what opens a session at the provider itself.
Source: docs/guardrails.md#which-requests.
"""

from __future__ import annotations

import re
from typing import Final

from penstock.core.failure import Failure, Kind
from penstock.core.form import Form
from penstock.core.http import segments_at_any_host
from penstock.core.operation import Operation
from penstock.guards.guarded_body import GuardedBody
from penstock.guards.plan import GuardPlan
from penstock.pipeline.call import Call
from penstock.pipeline.guarding.subject import evades, hidden_field
from penstock.pipeline.guarding.verdicts import GuardVerdicts
from penstock.pipeline.off_loop.thread import off_loop_if_large

_WITHOUT_TEXTS: Final = frozenset(
    {
        Operation.MODELS,
        Operation.MODEL,
        Operation.SHOW,
        Operation.RESPONSE_DELETE,
        Operation.RESPONSE_CANCEL,
        Operation.PREDICTED,
        Operation.FETCH_PREDICTED,
    }
)


async def refusal_of_unread(call: Call, plan: GuardPlan, verdicts: GuardVerdicts, *, refuses: bool) -> Failure | None:
    """The failure of a request that doesn't pass unread; None for one that does, which is noted in ``verdicts``.
    ``refuses``: the operator lets none through."""
    hooks = [hook for hook in (*plan.before, *plan.after) if (hook.deny and not hook.is_shadow) or hook.transforms]
    if call.operation in _WITHOUT_TEXTS or not hooks:
        return None
    if refuses:
        text = (
            f"The guards of the config can't read requests of this kind ({call.operation.value}), and the gateway's "
            "operator lets none through unread (guards.unguarded)."
        )
        return Failure(Kind.UNSUPPORTED_OPERATION, text)
    if _opens_session(call):
        text = (
            "The request asks the provider for a secret with which a session is opened there, where the guards of the "
            "config judge nothing: use a config without guards that deny or change texts (docs/realtime.md)."
        )
        return Failure(Kind.UNSUPPORTED_OPERATION, text)
    if await off_loop_if_large(len(call.body), lambda: evades(call)):
        text = (
            "The guards of the config can't read a request that passes as it is: call the gateway's own endpoint "
            "for it, where they can (docs/endpoints.md)."
        )
        return Failure(Kind.UNSUPPORTED_OPERATION, text)
    verdicts.skip(call.account, hooks)
    return None


def _opens_session(call: Call) -> bool:
    """Whether a request makes a session at the provider, or a secret for one: ``/v1/realtime/client_secrets``, also by
    ``/v1/proxy``."""
    is_elsewhere = call.resource is not None and not call.resource.startswith("realtime/")
    if not call.operation.is_proxy or call.account.method == "GET" or is_elsewhere:
        return False
    segments = segments_at_any_host(f"{call.resource or ''}/{call.parameters.get('rest', '')}")
    names = [run[0].rstrip(".") for each in segments if (run := _NAME.search(each.lower())) is not None]
    return not _SESSIONS.isdisjoint(names)


_NAME: Final = re.compile(r"[\w.-]+")
"""The first such run is the name in a segment of a path. Around it stands what some hosts take off: white space, a dot
at the end, parameters, a verb, a query whose question mark was encoded."""
_SESSIONS: Final = frozenset({"realtime", "realtimeapi", "realtimertc", "auth_tokens", "authtokens"})
"""Segments of paths where sessions, and secrets for them, are made: OpenAI's, two more at Azure's older versions
(https://learn.microsoft.com/azure/ai-foundry/openai/how-to/realtime-audio-webrtc), and Gemini's for its Live API
(https://ai.google.dev/gemini-api/docs/ephemeral-tokens)."""


def refusal_of_hidden(plan: GuardPlan, body: GuardedBody, form: Form | None = None) -> Failure | None:
    """The failure of a request whose texts a guard should judge and can't read, since they are no JSON (bytes that are
    no UTF-8, say), under a name in another case or in a file of the ``form``: the host may read them all the same. None
    for any other request."""
    problem = body.problem() if plan.needs_texts else ""
    if form is not None and plan.needs_texts and (name := hidden_field(form)):
        problem = f"the form's field {name!r} is a file, or longer than a field that is read"
    return (
        Failure(Kind.INVALID_JSON, f"The guards of the config can't read the request: {problem}.") if problem else None
    )


def refusal_of_unreadable(why: str) -> Failure:
    """The failure of a request with which a model will be asked, and which can't be read (pieces.py)."""
    text = f"The guards of the config can't read the request: {why} (docs/guardrails.md#batches-and-threads)."
    return Failure(Kind.INVALID_REQUEST, text)
