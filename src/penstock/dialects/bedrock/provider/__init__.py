"""Providers that speak Converse, on lane 2: requests are written, replies read into events."""
