"""Floor 2: ways to reach a provider. One method, ``send``; see base.py."""
