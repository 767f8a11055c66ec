"""Providers that speak Cohere, on lane 2: requests are written, replies read into events."""
