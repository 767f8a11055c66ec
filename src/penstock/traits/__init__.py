"""What model families accept, as data."""
