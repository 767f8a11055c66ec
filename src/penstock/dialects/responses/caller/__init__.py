"""OpenAI Responses as callers speak it: requests read, replies, streams and errors written."""
