"""Floor 2: what outlives a request: cached answers, virtual keys, saved configs, gateway keys."""
