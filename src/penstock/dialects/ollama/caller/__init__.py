"""Callers who speak Ollama: their requests are read, their replies, streams and errors written."""
