"""Checks that ask a partner's server: one module each, a description of its calls over partners/exchange.py."""
