"""Graphs, groups and summaries of the request log."""
