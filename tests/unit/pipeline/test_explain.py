"""After how long a call is over and what ended it, as explain makes it up: the limits are the config's and the gateway's."""

import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from calling import call
from penstock.app.root import build
from penstock.auth import oci
from penstock.auth.private_key import load_rsa_key
from penstock.core.failure import Failure, Kind
from penstock.pipeline.explain import explain, load_keys
from penstock.pipeline.route import Router
from penstock.routing.explain import Explanation
from penstock.settings import load


@pytest.fixture(scope="module")
def router() -> Router:
    return build(load({}, {"PENSTOCK_ACCESS_LOG": "false"}, Path("/nonexistent"))).pipeline.router


def explained(router: Router, faults: str, *, stream: bool | None = None, **members: Any) -> Explanation | Failure:
    config = msgspec.json.encode({"provider": "openai", "api_key": "k", **members}).decode()
    body = None if stream is None else {"model": "m", "stream": stream}
    return explain(router, call(body, x_portkey_config=config), faults)


LIMITS: list[tuple[str, dict[str, Any], str, float]] = [
    ("stall", {}, "first_byte_timeout", 600),
    ("stall", {"request_timeout": 5000}, "first_byte_timeout", 5),
    ("stall", {"timeouts": {"first_token": 3}}, "first_byte_timeout", 3),
    ("stall", {"timeouts": {"total": 2}}, "total_timeout", 2),
    ("stall@1.5", {}, "first_byte_timeout", 1.5),
    ("stall@700", {}, "first_byte_timeout", 600),
    ("slow-token", {}, "idle_timeout", 300),
    ("slow-token", {"timeouts": {"idle": 7}}, "idle_timeout", 7),
    ("slow-token", {"timeouts": {"first_token": 5}}, "first_token_timeout", 5),
    ("slow-token", {"timeouts": {"first_token": 5, "idle": 2}}, "idle_timeout", 2),
    ("connect-timeout", {}, "connect_timeout", 10),
    ("connect-timeout", {"timeouts": {"connect": 1}}, "connect_timeout", 1),
    ("connect-timeout", {"request_timeout": 500}, "first_byte_timeout", 0.5),
    ("429@0.5", {}, "429", 0.5),
    ("429@5", {"request_timeout": 2000}, "first_byte_timeout", 2),
    ("ok@5", {"request_timeout": 2000}, "first_byte_timeout", 2),
    ("ok@2", {"request_timeout": 5000}, "200", 2),
    ("201", {}, "201", 0),
    ("ok", {"request_timeout": -5}, "first_byte_timeout", 0),
]


@pytest.mark.parametrize(("fault", "members", "result", "seconds"), LIMITS)
def test_how_long_a_call_takes(
    router: Router, fault: str, members: dict[str, Any], result: str, seconds: float
) -> None:
    said = explained(router, f"config={fault}", **members)
    assert isinstance(said, Explanation)
    assert (said.result, said.seconds) == (result, seconds)


def test_a_first_token_is_a_streams(router: Router) -> None:
    limit = {"timeouts": {"first_token": 3}}
    plain = explained(router, "config=stall", stream=False, **limit)
    streamed = explained(router, "config=stall", stream=True, **limit)
    assert isinstance(plain, Explanation)
    assert isinstance(streamed, Explanation)
    assert (plain.seconds, streamed.seconds) == (600, 3)
    refused = explained(router, "config=slow-token", stream=False, **limit)
    assert isinstance(refused, Failure)
    assert (refused.kind, refused.param) == (Kind.INVALID_REQUEST, "faults")
    assert "only a stream" in refused.message


def test_the_deadline_of_the_gateway_ends_a_call(router: Router) -> None:
    said = explained(router, "config=stall", request_timeout=3_600_000)
    assert isinstance(said, Explanation)
    assert (said.result, said.seconds) == ("first_byte_timeout", router.deadline)


def test_what_nothing_ends() -> None:
    environment = {
        "PENSTOCK_ACCESS_LOG": "false", "PENSTOCK_ROUTING_DEADLINE": "0", "PENSTOCK_UPSTREAM_FIRST_BYTE_TIMEOUT": "0",
    }  # fmt: skip
    endless = build(load({}, environment, Path("/nonexistent"))).pipeline.router
    refused = explained(endless, "config=stall")
    assert isinstance(refused, Failure)
    assert "would never end" in refused.message
    assert isinstance(explained(endless, "config=stall@3"), Explanation)


def test_a_wish_for_a_pause_is_heeded_as_the_config_says(router: Router) -> None:
    retry = {"attempts": 1, "use_retry_after_header": True}
    said = explained(router, "config=429(retry-after=30)", retry=retry)
    assert isinstance(said, Explanation)
    assert (said.waited, said.attempts) == (30, 2)


async def test_private_keys_are_loaded_in_a_thread(router: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also behind a virtual key in the model, which compiling takes out of the call."""
    threads: list[int] = []

    def noted(*arguments: str) -> Any:
        threads.append(threading.get_ident())
        return load_rsa_key(*arguments)

    monkeypatch.setattr(oci, "load_rsa_key", noted)
    options = {
        "oracle_tenancy": "ocid1.tenancy.oc1..a", "oracle_user": "ocid1.user.oc1..a", "oracle_fingerprint": "aa:bb",
        "oracle_private_key": "-----BEGIN PRIVATE KEY-----\nno key\n-----END PRIVATE KEY-----",
        "oracle_region": "eu-frankfurt-1", "oracle_compartment_id": "ocid1.compartment.oc1..a",
    }  # fmt: skip
    config = msgspec.json.encode({"provider": "oracle", **options}).decode()
    asked = call({"model": "m", "messages": []}, x_portkey_config=config)
    await load_keys(router, asked)
    assert threads
    assert threading.get_ident() not in threads
    before = len(threads)
    assert isinstance(explain(router, asked), Explanation)
    assert len(threads) == before
