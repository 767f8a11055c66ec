from penstock.pipeline.guarding.breaker import HostBreaker


def failed(breaker: HostBreaker, name: str, times: int) -> None:
    for _ in range(times):
        assert breaker.enter(name, 0.0)
        breaker.leave(name, 0.0, fails=True)


def test_a_server_that_fails_is_left_alone_for_a_while() -> None:
    breaker = HostBreaker()
    failed(breaker, "a", 5)
    assert not breaker.enter("a", 29.0)
    assert breaker.enter("b", 0.0)
    assert breaker.enter("a", 31.0)
    assert not breaker.enter("a", 31.0), "one call tries it"
    breaker.leave("a", 32.0, fails=False)
    assert breaker.enter("a", 32.0)


def test_a_server_that_fails_again_is_left_alone_again() -> None:
    breaker = HostBreaker()
    failed(breaker, "a", 5)
    assert breaker.enter("a", 31.0)
    breaker.leave("a", 31.0, fails=True)
    assert not breaker.enter("a", 60.0)


def test_a_reply_ends_the_row_and_a_call_that_was_cut_short_counts_for_nothing() -> None:
    breaker = HostBreaker()
    failed(breaker, "a", 4)
    assert breaker.enter("a", 0.0)
    breaker.leave("a", 0.0, fails=None)
    assert breaker.enter("a", 0.0)
    breaker.leave("a", 0.0, fails=False)
    failed(breaker, "a", 4)
    assert breaker.enter("a", 0.0)


def test_a_server_is_not_asked_too_often_at_once() -> None:
    breaker = HostBreaker()
    for _ in range(64):
        assert breaker.enter("a", 0.0)
    assert not breaker.enter("a", 0.0)
    breaker.leave("a", 0.0, fails=False)
    assert breaker.enter("a", 0.0)
    breaker.leave("never asked", 0.0, fails=True)
