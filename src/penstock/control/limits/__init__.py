"""Budgets and rates of keys, providers, workspaces and policies, and what is used of them."""
