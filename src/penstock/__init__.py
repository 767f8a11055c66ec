"""An LLM gateway: the APIs of OpenAI, Anthropic, Gemini, Cohere, Ollama and Bedrock in front of every provider."""

__version__ = "0.1.0"
