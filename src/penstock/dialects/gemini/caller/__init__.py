"""Callers who speak Gemini: their requests are read, their replies, streams and errors written."""
