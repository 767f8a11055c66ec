"""Paths that are no LLM surface, and the ports that they are on."""
