"""Bodies of requests: read, bounded, unpacked, or passed on while they arrive."""
