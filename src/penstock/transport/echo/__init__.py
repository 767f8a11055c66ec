"""The built-in provider ``echo``: no key, no network. It speaks OpenAI's chat dialect behind the transport's door.

script.py reads a request and decides what to play, completion.py writes the bytes, sample.py makes values from JSON
schemas, player.py keeps the time. Documented in docs/echo.md.
"""

from penstock.transport.echo.player import EchoTransport

__all__ = ["EchoTransport"]
