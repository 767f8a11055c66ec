"""Callers who speak OpenAI's chat completions: their requests are read, their replies, streams and errors written."""
