"""Local detectors: what they look for, and how they find it in a whole text and in one that arrives in pieces."""
