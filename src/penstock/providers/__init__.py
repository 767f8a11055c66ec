"""Floor 2: the providers, as data. A provider is a row (row.py); behaviour belongs to dialects."""
