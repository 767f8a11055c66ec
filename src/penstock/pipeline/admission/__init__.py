"""Limits of a request: reserved when it is admitted, settled when its account is closed."""
