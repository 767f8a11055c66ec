"""Converse's requests and replies as they pass: requests fitted to Bedrock, replies watched, given again otherwise."""
