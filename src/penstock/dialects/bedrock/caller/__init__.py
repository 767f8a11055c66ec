"""Bedrock's Converse as callers speak it."""
