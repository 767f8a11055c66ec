"""Floor 0: values. Standard library and msgspec only; no I/O, clock, randomness, environment or logging."""
