"""What a request's parts say of themselves."""

import pytest

from penstock.core.chat import NativeTool, Tool, name_of


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        (Tool("f"), "f"),
        (NativeTool("custom", {"type": "custom", "custom": {"name": "patch"}}), "patch"),
        (NativeTool("custom", {"type": "custom", "name": "patch"}), "patch"),
        (NativeTool("shell", {"type": "shell"}, function=Tool("shell")), "shell"),
        (NativeTool("custom", {"type": "custom", "custom": "patch"}), ""),
        (NativeTool("custom", {"type": "custom", "custom": {"name": 5}}), ""),
        (NativeTool("web_search", {"type": "web_search"}), ""),
    ],
)
def test_the_name_by_which_a_tool_is_called(tool: Tool | NativeTool, name: str) -> None:
    assert name_of(tool) == name
