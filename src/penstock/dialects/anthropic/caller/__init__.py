"""Callers who speak Anthropic Messages: their requests are read, their replies, streams and errors written."""
