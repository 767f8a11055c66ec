"""A walk on a terminal: strategies around their targets, races, targets that can not be called."""

from commands import run
from config_commands import PRO, TWO, routed, written


def test_strategies_are_shown_around_their_targets() -> None:
    balancer = {"strategy": {"mode": "loadbalance"}, "targets": [{"provider": "groq", "api_key": "k"}]}
    inner = {
        "strategy": {"mode": "fallback"},
        "targets": [balancer, {"provider": "echo", "is_open": True}, {"provider": "x-ai", "api_key": "k"}],
    }
    config = routed((PRO, "a"))
    config["targets"][0] = {"name": "a", **inner}
    result = run(
        "explain",
        written("c.json", config),
        "--metadata",
        '{"plan": "pro"}',
        "--fault",
        "targets[0].targets[0].targets[0]=reset",
    )
    assert result.output.splitlines() == [
        "config: conditional",
        "  targets[0]: fallback",
        "    targets[0].targets[1]: left out by its circuit breaker",
        "    targets[0].targets[0]: loadbalance",
        "      targets[0].targets[0].targets[0] groq: connection_closed (next)",
        "    targets[0].targets[2] x-ai: 200",
        "200 from targets[0].targets[2] after 0s, 2 of at most 3 attempts, retry count 0",
    ]


def test_a_race_and_a_status_that_is_no_result() -> None:
    config = {**TWO, "strategy": {"mode": "fallback", "hedge": {"delay": 1.5}}}
    result = run("explain", written("c.json", config), "--fault", "targets[0]=ok@9", "--fault", "targets[1]=ok@1")
    assert result.output.splitlines()[1:3] == [
        "  targets[1] joins targets[0] after 1.5s, targets[0] is given up",
        "  targets[1] echo: 200 after 1s (hedged)",
    ]
    result = run("explain", written("c.json", {"provider": "echo"}), "--fault", "config=error-event")
    assert result.output.splitlines()[-1].startswith(
        "502 (upstream_stream_error) from config after 0s, 1 of at most 1 attempt,"
    )


def test_a_target_that_can_not_be_called() -> None:
    result = run("explain", written("c.json", {"provider": "azure-openai", "api_key": "k"}))
    first, second, _ = result.output.splitlines()
    assert first == "config azure-openai: invalid_config"
    assert second.startswith("  azure-openai needs ")


def test_the_request_decides_what_conditions_see() -> None:
    config = written("c.json", routed(({"params.model": "large"}, "a"), ({"url.pathname": "/v1/other"}, "b")))
    large = written("r.json", {"model": "large", "messages": []})
    assert "200 from targets[0] " in run("explain", config, "--request", large).output
    assert "200 from targets[1] " in run("explain", config, "--path", "/v1/other").output
    nowhere = run("explain", config)
    assert nowhere.output.startswith("400: No condition of config.strategy holds")
