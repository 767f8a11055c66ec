"""Which large bodies pass to a provider while they arrive, and which are held whole first (docs/endpoints.md#uploads).

A body that passes can be sent once. Where the gateway may have to read, change or repeat it, it is held.
"""

from __future__ import annotations

from penstock.core.failure import Failure
from penstock.dialects.caller import RequestBody
from penstock.pipeline.call import Call
from penstock.pipeline.target_route import TargetRoute
from penstock.routing.plan import Balance, Choose, Fallback, Plan, leaves


async def hold_upload(call: Call) -> Failure | None:
    """Read the rest of an upload into the call's body."""
    upload = call.upload
    if upload is None:
        return None
    held = await upload.whole()
    if isinstance(held, Failure):
        return held
    call.upload = None
    call.body, request = held
    if call.request is not None and request is not None:
        # Routing may have taken a provider's name off the model.
        body, model = request.body, call.request.body.raw("model")
        body = body if model is None else body.replaced({"model": model})
        call.request = RequestBody(body, call.request.model, request.stream, request.form)
    return None


def may_repeat(plan: Plan) -> bool:
    """Whether a plan may send a request more than once."""
    return any(isinstance(node, Fallback) for node in _nodes(plan)) or any(
        target.retry is not None and target.retry.may_repeat for target in leaves(plan)
    )


def may_race(plan: Plan) -> bool:
    """Whether a plan may send a request to two targets at once (hedging)."""
    return any(isinstance(node, Fallback) and node.hedge is not None for node in _nodes(plan))


def reads_fields(plan: Plan) -> bool:
    """Whether a plan chooses by what stands in the body, perhaps behind a file."""
    return any(
        isinstance(node, Choose) or (isinstance(node, Balance) and node.sticky is not None) for node in _nodes(plan)
    )


def passes(call: Call, route: TargetRoute) -> bool:
    """Whether an upload may pass to a target unread."""
    target = route.target
    is_form = call.request is not None
    return (
        route.endpoint.signer is None
        and target.guards is None
        and target.cache is None
        and not (is_form and (route.changes.fills or route.changes.removes or route.model_lists is not None))
    )


def _nodes(plan: Plan) -> list[Plan]:
    nodes, left = list[Plan](), [plan]
    while left:
        node = left.pop()
        nodes.append(node)
        if isinstance(node, (Fallback, Balance, Choose)):
            left.extend(node.targets)
    return nodes
