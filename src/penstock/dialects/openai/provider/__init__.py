"""Providers that speak OpenAI's chat completions, on lane 2: requests are written, replies read into events."""
