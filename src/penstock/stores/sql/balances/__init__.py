"""Balances of budgets: what is used and reserved, its journal, and corrections."""
