"""Replies on their way to the caller: wrapped, reshaped, with the error and the headers that a caller is told."""
