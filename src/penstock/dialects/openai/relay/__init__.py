"""Lane 1: caller and provider both speak OpenAI's chat completions. Bytes pass; only what deviates is edited."""
