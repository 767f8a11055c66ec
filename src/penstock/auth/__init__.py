"""Floor 2: how a provider wants its credential shown."""
