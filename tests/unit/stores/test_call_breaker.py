from penstock.stores.call_breaker import CallBreaker


def test_it_opens_after_five_failures_and_lets_a_call_through_each_second() -> None:
    breaker = CallBreaker()
    for second in range(4):
        breaker.failed(second)
    assert breaker.admits(4)
    breaker.failed(4)
    assert breaker.is_open
    assert [breaker.admits(now) for now in (4.5, 5.0, 5.5, 6.0)] == [False, True, False, True]
    assert breaker.retry_after(6.25) == 0.75


def test_failures_that_are_far_apart_dont_open_it() -> None:
    breaker = CallBreaker()
    for second in range(0, 60, 3):
        breaker.failed(second)
    assert breaker.admits(60)


def test_a_success_closes_it() -> None:
    breaker = CallBreaker()
    for _ in range(5):
        breaker.failed(0)
    breaker.succeeded()
    assert breaker.admits(0)
    assert breaker.retry_after(0) == 0
    for _ in range(4):
        breaker.failed(0)
    assert breaker.admits(0)
