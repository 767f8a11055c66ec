from penstock.core.segments import Delta, SegmentKind
from penstock.guards.repeated_texts import RepeatedTexts

KEY = (SegmentKind.TEXT, 0, -1)


class Pieces:
    """Holds back the last character of a text, denies one with an exclamation mark, and tells what it was fed."""

    def __init__(self, fed: list[str]) -> None:
        self._fed = fed
        self._held = ""

    def feed(self, text: str, *, last: bool) -> tuple[str, bool]:
        self._fed.append(text)
        text = self._held + text
        self._held = "" if last else text[-1:]
        return (text if last else text[:-1]).upper(), "!" in text


class Texts:
    """``RepeatedTexts`` that begin such pieces."""

    def __init__(self) -> None:
        self.fed: list[str] = []
        self._texts = RepeatedTexts()

    def feed(self, delta: Delta, *, last: bool) -> tuple[str, int, bool]:
        return self._texts.feed(delta, lambda _: Pieces(self.fed), last=last)


def repeated() -> tuple[Texts, list[str]]:
    texts = Texts()
    return texts, texts.fed


def so_far(text: str, *, is_growing: bool = True, place: str = "content") -> Delta:
    return Delta(KEY, ("message", place), text, is_whole=True, is_growing=is_growing)


def test_of_a_text_that_grows_only_what_is_new_is_judged() -> None:
    texts, fed = repeated()
    assert texts.feed(so_far("ab"), last=False) == ("A", 1, False)
    assert texts.feed(so_far("ab"), last=False) == ("A", 0, False)
    assert texts.feed(so_far("abcd"), last=False) == ("ABC", 2, False)
    assert texts.feed(so_far("abcde!", is_growing=False), last=True) == ("ABCDE!", 3, True)
    assert fed == ["ab", "", "cd", "e!"]


def test_a_text_that_begins_anew_is_judged_from_its_start() -> None:
    texts, fed = repeated()
    texts.feed(so_far("ab"), last=False)
    assert texts.feed(so_far("xbc", is_growing=False), last=True) == ("XBC", 3, False)
    texts.feed(so_far("ab"), last=False)
    texts.feed(so_far("ab", place="refusal"), last=False)
    assert fed == ["ab", "xbc", "ab", "ab"]


def test_a_text_that_is_told_again_is_judged_once() -> None:
    texts, fed = repeated()
    source = so_far("source", is_growing=False)
    assert texts.feed(source, last=True) == ("SOURCE", 6, False)
    assert texts.feed(source, last=True) == ("SOURCE", 0, False)
    assert fed == ["source"]
    # Rules that see one choice, or one kind of text, need not see another.
    texts.feed(Delta(KEY, ("message", "content"), "source", choice=1, is_whole=True), last=True)
    texts.feed(Delta(KEY, ("message", "content"), "source", is_plain=False, is_whole=True), last=True)
    assert fed == ["source"] * 3


def test_what_is_remembered_has_a_limit() -> None:
    texts, fed = repeated()
    for letter in "abab":
        texts.feed(so_far(letter * (1 << 20), is_growing=False), last=True)
    assert [each[0] for each in fed] == ["a", "b", "a", "b"]
