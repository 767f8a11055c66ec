"""YAML within bounds. A short text in YAML can stand for a very large value: by aliases and by merge keys (``<<``).

Aliases are bounded where the value is counted (``routing.budget.check_size``): the loader makes one value for all of
them. Merge keys are copied by the loader itself, and numbers are computed by it, so both are bounded here.
Source: https://yaml.org/type/merge.html, https://yaml.org/type/int.html (numbers to the base of 60).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import yaml

_MOST_MERGED: Final = 10_000
"""Members that all merge keys of a document copy."""
_LONGEST_NUMBER: Final = 400
_NUMBERS: Final = frozenset({"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"})
_MERGE: Final = "tag:yaml.org,2002:merge"


class Loader(yaml.SafeLoader):
    """Raises yaml.MarkedYAMLError for a document beyond the bounds, as for any that is no YAML."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._merged = 0

    def compose_scalar_node(self, anchor: dict[str, yaml.Node]) -> yaml.ScalarNode:
        node: yaml.ScalarNode = super().compose_scalar_node(anchor)
        if node.tag in _NUMBERS and len(node.value) > _LONGEST_NUMBER:
            raise _beyond(f"a number has more than {_LONGEST_NUMBER} characters", node)
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        for key, value in node.value:
            if key.tag != _MERGE:
                continue
            for each in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if isinstance(each, yaml.MappingNode):
                    # From the inside out: this makes the merge keys of the inner mapping members of it.
                    self.flatten_mapping(each)
                    self._merged += len(each.value)
                    if self._merged > _MOST_MERGED:
                        raise _beyond(f"merge keys copy more than {_MOST_MERGED} members", node)
        super().flatten_mapping(node)


@contextmanager
def closing_loader(text: str) -> Iterator[Loader]:
    """A loader for one text. Raises yaml.YAMLError for a text with characters that YAML doesn't know."""
    loader = Loader(text)
    try:
        yield loader
    finally:
        loader.dispose()


def _beyond(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
