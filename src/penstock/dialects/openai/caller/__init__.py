"""The caller side of OpenAI's chat completions: reads requests, writes replies, streams and errors."""
