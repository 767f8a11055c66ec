"""How a stream of bytes is cut into events, one framing a module."""
