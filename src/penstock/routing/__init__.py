"""Floor 1: decisions, sans-I/O. Config JSON -> Plan (parse.py) -> attempts (walk.py)."""
