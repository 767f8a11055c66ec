"""Content within bounds."""

from penstock.observe.log_extras import Content


def test_bodies_are_cut_at_their_limit() -> None:
    content = Content(5, [])
    content.keep_request(b"12345")
    content.keep_response(b"123")
    content.keep_response(b"45")
    assert (content.request, bytes(content.response), content.is_truncated) == (b"12345", b"12345", False)
    content.keep_response(b"6")
    assert (bytes(content.response), content.is_truncated) == (b"12345", True)
    longer = Content(5, [])
    longer.keep_request(b"123456")
    longer.keep_response(b"1234567")
    assert (longer.request, bytes(longer.response), longer.is_truncated) == (b"12345", b"12345", True)
