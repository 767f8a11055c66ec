"""Callers who speak Cohere: their requests are read, their replies, streams and errors written."""
