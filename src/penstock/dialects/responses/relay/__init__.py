"""OpenAI Responses as they pass: requests fitted to a host, replies watched, given again in the other form."""
