"""Floor 4: the ASGI edge."""
