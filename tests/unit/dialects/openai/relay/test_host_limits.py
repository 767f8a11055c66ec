"""What strict hosts refuse is left out; what others take keeps its bytes."""

from penstock.core.body import Body
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


def test_a_schema_joins_the_system_message() -> None:
    raw = b'{"messages":[{"role":"system","content":"S"}],"response_format":{"type":"json_schema","json_schema":{}}}'
    body, dropped = fit_to_host(Body.parse(raw), ChatQuirks(takes_schemas=False))
    assert body.value("messages")[0]["content"].startswith("S\n\nAnswer with")
    assert dropped == ("response_format.json_schema",)
