"""Floor 1: wire formats, sans-I/O, one module each."""
