"""What strict hosts refuse is left out; what others take keeps its bytes."""

import json

from penstock.core.body import Body
from penstock.core.json_slices import LARGE
from penstock.dialects.chat_quirks import NO_QUIRKS, ChatQuirks
from penstock.dialects.openai.relay.host_limits import fit_to_host

MARKED = b'{"cache_control":{},"messages":[{"role":"user","content":"cache_control"}],"tools":[{"type":"function"}]}'


def test_other_hosts_get_the_same_body() -> None:
    body = Body.parse(MARKED)
    assert fit_to_host(body, NO_QUIRKS) == (body, ())


def test_markers_beside_the_messages() -> None:
    body, dropped = fit_to_host(Body.parse(MARKED), ChatQuirks(takes_cache_markers=False))
    assert body.encode() == MARKED.replace(b'"cache_control":{},', b"")
    assert dropped == ("cache_control",)


def test_defaults_and_nulls_are_left_out_unsaid() -> None:
    quirks = ChatQuirks(keeps=frozenset({"messages", "tools"}))
    body, dropped = fit_to_host(Body.parse(b'{"messages":[],"tools":[],"store":false,"user":null,"odd":1}'), quirks)
    assert (body.encode(), dropped) == (b'{"messages":[]}', ("odd",))


LONG = "x" * (LARGE // 2)
"""Three messages of this length are more than is edited at a time."""


def test_members_that_a_host_forbids_are_named_where_they_stand() -> None:
    messages = [{"role": "user", "content": LONG, "name": "n"} for _ in range(3)]
    messages.append({"role": "odd", "content": "", "name": "n"})
    quirks = ChatQuirks(message_members={"user": frozenset({"role", "content"})})
    body, dropped = fit_to_host(Body.parse(json.dumps({"messages": messages}).encode()), quirks)
    assert [list(message) for message in body.value("messages")] == [["role", "content"]] * 3 + [list(messages[3])]
    assert dropped == ("messages[0].name", "messages[1].name", "messages[2].name")


def test_markers_of_a_large_request_are_named_where_they_stand() -> None:
    messages = [{"role": "user", "content": LONG, "cache_control": {}} for _ in range(3)]
    _, dropped = fit_to_host(
        Body.parse(json.dumps({"messages": messages}).encode()), ChatQuirks(takes_cache_markers=False)
    )
    assert dropped == tuple(f"messages[{position}].cache_control" for position in range(3))


def test_a_large_request_is_told_its_schema_once() -> None:
    body = {
        "messages": [{"role": "user", "content": LONG}] * 3,
        "response_format": {"type": "json_schema", "json_schema": {}},
    }
    fitted, _ = fit_to_host(Body.parse(json.dumps(body).encode()), ChatQuirks(takes_schemas=False))
    assert [message["role"] for message in fitted.value("messages")] == ["system", "user", "user", "user"]


def test_a_schema_joins_the_system_message() -> None:
    raw = b'{"messages":[{"role":"system","content":"S"}],"response_format":{"type":"json_schema","json_schema":{}}}'
    body, dropped = fit_to_host(Body.parse(raw), ChatQuirks(takes_schemas=False))
    assert body.value("messages")[0]["content"].startswith("S\n\nAnswer with")
    assert dropped == ("response_format.json_schema",)
