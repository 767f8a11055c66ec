"""Gateway keys: made, listed, read, changed, rotated, deleted."""
