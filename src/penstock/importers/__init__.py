"""Configurations of other gateways as what Penstock would create (docs/import.md): values in, values out."""
