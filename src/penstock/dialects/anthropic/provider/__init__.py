"""Providers that speak Anthropic Messages, on lane 2: requests are written, replies read into events."""
