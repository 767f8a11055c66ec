"""OpenAI Responses as hosts speak it: requests written, replies and streams read."""
