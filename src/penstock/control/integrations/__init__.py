"""Integrations: a provider's credential, shared with workspaces."""
