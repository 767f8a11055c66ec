"""The benchmark: what the gateway costs, as a ratio to nginx in the same run. Start at README.md and scenarios.py."""
