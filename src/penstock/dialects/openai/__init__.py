"""OpenAI's chat completions: the callers' own dialect, and that of most providers."""
