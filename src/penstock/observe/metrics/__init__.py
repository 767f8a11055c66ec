"""Metrics: counted from the records of finished requests, in memory that all workers can read (docs/metrics.md)."""
