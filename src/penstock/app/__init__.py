"""The composition root, and its parts: what the settings ask for, put together."""
