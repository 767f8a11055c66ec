"""Providers that speak Ollama, on lane 2: requests are written, replies read into events."""
