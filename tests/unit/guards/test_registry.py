from penstock.guards.registry import all_checks, check_of, full_id, is_known


def test_ids_without_regard_to_case() -> None:
    for name in ("contains", "default.Contains", "alluppercase", "isAllLowerCase", "modelwhitelist"):
        assert check_of(name) is not None, name
    assert check_of("nothing") is None
    assert full_id("contains") == "default.contains"


def test_plugins_of_portkeys_are_known() -> None:
    assert is_known("bedrock.other")
    assert not is_known("mine.guard")


def test_every_check_has_an_id_of_its_own() -> None:
    assert len({check.id for check in all_checks().values()}) == len(
        {check.id.lower() for check in all_checks().values()}
    )
