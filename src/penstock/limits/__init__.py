"""Budgets and rate limits: what counts, what is reserved, and what is refused (docs/limits.md)."""
