"""The form of an answer told to the model in words, for models and hosts that can't be made to keep to it.

The words are no guarantee: the parameter counts as dropped, and ``unsupported_params: reject`` makes such a request a
400. Sources: Claude docs, "Increase output consistency"; DeepSeek API docs, "JSON Output";
docs/quirks.md#json-in-words.
"""

from __future__ import annotations

from penstock.core.chat import Format


def format_in_words(wanted: Format) -> str:
    """The instruction: JSON alone, by the schema if there is one."""
    text = "Answer with one valid JSON object and nothing else: no code fence, no words before or after it."
    if not wanted.schema:
        return text
    described = f" {wanted.description}" if wanted.description else ""
    schema = wanted.schema.decode("utf-8", "replace")
    return f"{text}{described} The JSON object matches this JSON schema:\n{schema}"
