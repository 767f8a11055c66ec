"""What is no key, and what may be one."""

import pytest

from penstock.core.placeholder import is_placeholder

PLACEHOLDERS = """
    x xx sk-x xxx XXXX sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx none None NULL dummy DUMMY-KEY dummy-key sk-dummy fake-key
    sk-placeholder placeholder placeholder_key test sk-test test-key EMPTY empty unused unused-by-echo not-needed
    not_needed no-key-required sk-no-key-required notneeded nokey no-key sk-1234 1234 0 sk-0000 abc anything
    lm-studio ollama openai your-api-key YOUR_OPENAI_API_KEY <your-api-key> ${OPENAI_API_KEY} changeme change-me
    OPENAI_API_KEY undefined na n/a - secret token sk-fake dummykey yourapikeyhere sk-ant-placeholder penstock
    00000000-0000-0000-0000-000000000000
""".split()
KEYS = """
    sk-mine own sk-proj-4fJ7dK2mQ9 k sk-ant-api03-Zq8 gsk_h3Kd8 AIzaSyD3 hf_QwErTyUiOp team-a 5f2c9a1be8
    0123456789abcdef0123456789abcdef sk-or-v1-9a8b7c eyJhbGciOiJIUzI1NiJ9.e30.x3 sk-testing-purple-elephant
""".split()


@pytest.mark.parametrize("key", PLACEHOLDERS)
def test_words_are_no_key(key: str) -> None:
    assert is_placeholder(key)


@pytest.mark.parametrize("key", [*KEYS, "dummy-" * 12, "sk-" + "notkey" * 20 + "q"])
def test_any_other_text_may_be_a_key(key: str) -> None:
    assert not is_placeholder(key)
