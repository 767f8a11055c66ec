"""Providers that speak Gemini, on lane 2: requests are written, replies read into events."""
