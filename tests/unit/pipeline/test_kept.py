"""What providers keep is at one target: which one, and how ids say it."""

from __future__ import annotations

import json
from typing import Any

from calling import call, target
from penstock.core.failure import Failure
from penstock.core.secret import Secret
from penstock.pipeline.call import Call
from penstock.pipeline.compile import CompiledPlan
from penstock.pipeline.kept import with_one_target
from penstock.providers.row import Operation
from penstock.routing.plan import Fallback, Target

ONE, TWO = target("openai"), target("groq", api_key=Secret("other"))
SEVERAL = CompiledPlan(Fallback("config", (ONE, TWO)))
SECRET = b"of the gateway"


def asked(rest: str = "", method: str = "POST", query: str = "", body: Any = None) -> Call:
    made = call(body, operation=Operation.PROXY)
    made.account.method, made.query, made.resource = method, query, "files"
    made.parameters = {"rest": rest} if rest else {}
    return made


def chosen(made: Call, secret: bytes = SECRET, plan: CompiledPlan = SEVERAL) -> Target:
    compiled = with_one_target(made, plan, secret)
    assert isinstance(compiled, CompiledPlan), compiled
    assert compiled.routes is plan.routes
    assert isinstance(compiled.plan, Target)
    return compiled.plan


def bound(raw: str, to: Target) -> str:
    """The id that a caller gets for what a target has made."""
    made = asked()
    assert chosen(made, plan=CompiledPlan(Fallback("config", (to, ONE)))) == to
    assert made.bind is not None
    return str(json.loads(made.bind(json.dumps({"id": raw}).encode()))["id"])


def test_without_a_secret_only_what_is_made_has_a_target() -> None:
    made = asked()
    assert chosen(made, b"") == ONE
    assert made.bind is None
    for each in (asked("file-1"), asked("", "GET")):
        failure = with_one_target(each, SEVERAL)
        assert isinstance(failure, Failure)
        assert "2 targets" in failure.message
    assert chosen(asked("file-1", "GET"), b"", CompiledPlan(ONE)) == ONE


def test_bound_ids_say_the_target() -> None:
    name = bound("file-1", TWO)
    made = asked(f"{name}/content", "GET", f"after={bound('file-0', TWO)}&limit=2")
    assert chosen(made) == TWO
    assert (made.parameters, made.query) == ({"rest": "file-1/content"}, "after=file-0&limit=2")
    batch = asked(body={"input_file_id": name, "n": 1})
    assert chosen(batch) == TWO
    assert json.loads(batch.body) == {"input_file_id": "file-1", "n": 1}
    assert batch.request is not None
    assert batch.request.body.text("input_file_id") == "file-1"


def test_ids_that_are_refused() -> None:
    one, two = bound("file-1", ONE), bound("file-2", TWO)
    for made, secret in (
        (asked(two, "GET"), b""),
        (asked(two, "GET"), b"another"),
        (asked(one, "POST", body={"file_id": two}), SECRET),
        (asked(two + "x", "GET"), SECRET),
    ):
        failure = with_one_target(made, SEVERAL, secret)
        assert isinstance(failure, Failure)
        assert failure.status == 400
    gone = with_one_target(asked(bound("file-1", target("nebius")), "GET"), SEVERAL, SECRET)
    assert isinstance(gone, Failure)
    assert "no longer part" in gone.message


def test_replies_that_are_no_objects_stay() -> None:
    made = asked()
    chosen(made)
    assert made.bind is not None
    assert made.bind(b"no json") == b"no json"
    once = made.bind(b'{"id":"file-1"}')
    assert made.bind(once) == once
