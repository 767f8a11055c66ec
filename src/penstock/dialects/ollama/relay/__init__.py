"""Ollama's requests and replies as they pass: replies watched, judged, given again in the other form."""
