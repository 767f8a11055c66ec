"""What targets are to do, as text: what it means, and how a slip is told."""

import pytest

from penstock.routing.faults import BadFaults, Fault, Word, read_faults

TARGETS = ["config", "targets[0]", "targets[1].targets[0]"]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", {}),
        ("  ", {}),
        ("config=429", {"config": [Fault(429)]}),
        ("targets[0]=429x2|stall", {"targets[0]": [Fault(429, 2), Fault(Word.STALL)]}),
        ("config.targets[0] = 503 x3 , targets[1].targets[0]=reset",
         {"targets[0]": [Fault(503, 3)], "targets[1].targets[0]": [Fault(Word.RESET)]}),
        ("config=429(retry-after=2.5)x2@0.5", {"config": [Fault(429, 2, 0.5, 2.5)]}),
        ("config=429 @1s x2 ( retry-after = 2s )", {"config": [Fault(429, 2, 1.0, 2.0)]}),
        ("config=ok|429,config=cut", {"config": [Fault(Word.OK), Fault(429), Fault(Word.CUT)]}),
        ("config=error-eventx2|context_lengthx3", {"config": [Fault(Word.ERROR_EVENT, 2), Fault(Word.CONTEXT_LENGTH, 3)]}),
    ],
)  # fmt: skip
def test_faults(text: str, faults: dict[str, list[Fault]]) -> None:
    assert read_faults(text, TARGETS) == faults


@pytest.mark.parametrize("word", Word)
def test_every_word_is_one(word: Word) -> None:
    assert read_faults(f"config={word.value}", TARGETS) == {"config": [Fault(word)]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("config", "character 1: expected a target and what comes of its calls, such as targets[0]=429x2"),
        ("config=429,", "character 12: expected a target"),
        ("targets[7]=429", "character 1: there is no target 'targets[7]': did you mean 'targets[0]'?"),
        ("config=429, targets=1", "character 13: there is no target 'targets': did you mean 'targets[0]'?"),
        ("config=", "character 8: expected what comes of the call: an HTTP status, or one of ok, refused"),
        ("config=429|", "character 12: expected what comes of the call"),
        ("config=stal", "character 8: there is no outcome 'stal': did you mean 'stall'?"),
        ("config=429|zzzzz", "character 12: there is no outcome 'zzzzz': there are HTTP statuses and ok, refused"),
        ("config=42", "character 8: 42 is no HTTP status from 200 to 599"),
        ("config=429x0", "character 8: expected x1 to x1000"),
        ("config=429x5000", "character 8: expected x1 to x1000"),
        ("config=429@soon", "character 11: expected xN, @SECONDS, (retry-after=SECONDS)"),
        ("config=429 twice", "character 11: expected xN"),
        ("config=reset(retry-after=2)", "character 8: 'reset' asks for nothing"),
    ],
)
def test_slips(text: str, said: str) -> None:
    with pytest.raises(BadFaults) as bad:
        read_faults(text, TARGETS)
    assert str(bad.value).startswith(f"The faults can't be played, {said}")
    assert not str(bad.value).endswith("?.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("config=ok," * 20_000, "at most 16384 characters can be read"),
        ("config=" + "|".join(["ok"] * 1001), "there are more than 1000 outcomes"),
    ],
)
def test_how_many_there_may_be(text: str, said: str) -> None:
    with pytest.raises(BadFaults) as bad:
        read_faults(text, TARGETS)
    assert said in str(bad.value)


@pytest.mark.parametrize("text", [" " * 16_000 + "x", "a" + " " * 16_000, "config=" + " " * 16_000, "config=429" + " " * 16_000 + "q",
                                  "config=429(" + " " * 16_000, "config=" + "ax" * 8000, "config=429" + "x1" * 8000 + "q"])  # fmt: skip
def test_long_texts_end_where_they_are_wrong(text: str) -> None:
    """Any of these took time in proportion to the square or the cube of its length, minutes for 16000 characters."""
    with pytest.raises(BadFaults):
        read_faults(text, TARGETS)
