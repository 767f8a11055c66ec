"""What a caller may use: lists, and the star that stands for all."""

from penstock.core.permissions import EVERYTHING, Permissions, among, includes


def test_no_list_is_no_limit_and_an_empty_list_permits_nothing() -> None:
    assert includes(None, "openai")
    assert includes(frozenset({"openai"}), "openai")
    assert includes(frozenset({"*"}), "openai")
    assert not includes(frozenset(), "openai")
    assert not includes(frozenset({"openai"}), "open")


def test_only_permitted_names_are_suggested() -> None:
    names = ("a", "b", "c")
    assert among(names, None) == ["a", "b", "c"]
    assert among(names, frozenset({"b", "x"})) == ["b"]
    assert among(names, frozenset()) == []


def test_nothing_is_lent_unless_an_entry_says_so() -> None:
    some = Permissions(lent_keys=frozenset({"openai"}), lent_identity=frozenset({"bedrock"}))
    lent = [(each.lends_key("openai"), each.lends_identity("openai")) for each in (EVERYTHING, Permissions(), some)]
    assert lent == [(True, True), (False, False), (True, False)]
    assert some.lends_identity("bedrock")


def test_what_only_refuses_is_not_shared() -> None:
    """Equal shared permissions give the same plan to callers who are not refused."""
    one = Permissions(frozenset({"a"}), frozenset({"c"}), frozenset({"p"}), inline_configs=False, custom_hosts=False)
    assert one != Permissions()
    assert one.shared == Permissions().shared
    for other in (
        Permissions(models=("m",)),
        Permissions(hosts=("localhost",)),
        Permissions(lent_keys=None),
        Permissions(lent_identity=None),
    ):
        assert other.shared != Permissions().shared
