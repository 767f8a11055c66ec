"""What the code, the tests and the pages refer to is in the repository: pages, their headings, tests by name.

Modules that comments and docstrings name, from the package, from the tests or from a folder around them, exist, too.
A reference is ``docs/NAME.md`` or ``docs/design/NAME.md``, perhaps with ``#anchor`` and further anchors of the same page (``, #other``), or a
relative link between pages. Numbers of a document that a reader doesn't have are none.
"""

import io
import itertools
import posixpath
import re
import tokenize
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "bench/*.md", "docs/**/*.md")
    for path in ROOT.glob(pattern)
)
CODE = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("src", "tests", "bench", "docs")
    for path in (ROOT / folder).rglob("*.py")
    if path != Path(__file__)
)
Reference = tuple[str, str]
"""A file, by its path from the root, and an anchor in it; empty for the file as such."""

_CITATION = re.compile(r"(?<![\w/])(docs/(?:[\w-]+/)?[\w-]+\.md)((?:#[\w-]+(?:(?:[,;]| and) *\s(?=#[\w-]))?)*)")
_LINK = re.compile(r"\]\(([^)\s]+)[^)]*\)|^\[[^\]]+\]: *(\S+)", re.MULTILINE)
_FENCED = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.MULTILINE | re.DOTALL)
_NUMBERED = re.compile(
    r"\b[Ss]pec(?:ification)? \d+(?:\.\d+)*|\b[Qq]uirks? \d+|(?<=[a-z'] )(?<!RFC \d{4} )\(\d{1,2}\.\d{1,2}\)"
)
_MODULE = re.compile(r"(?<![\w/.*{-])((?:[\w-]+/)*\w+\.py)\b(?!\()")
_NUMBERED_COMMENT = re.compile(r"# \d{1,3}(?:, \d{1,3})*(?=:|$)", re.MULTILINE)


# Finding references and what they lead to.


def citations(text: str) -> list[Reference]:
    """The pages and anchors that a text cites by their paths from the root."""
    return [
        (page, anchor)
        for page, anchors_there in _CITATION.findall(text)
        for anchor in re.findall(r"#([\w-]+)", anchors_there) or [""]
    ]


def links(name: str, text: str) -> list[Reference]:
    """The files and anchors that a page's relative links lead to."""
    targets = (inline or defined for inline, defined in _LINK.findall(_without_code(text)))
    found = []
    for target in targets:
        path, _, anchor = target.partition("#")
        if not re.match(r"[a-z][a-z0-9+.-]*:|/", target):
            found.append((posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name, anchor))
    return found


def anchors(page: str) -> frozenset[str]:
    """The anchors of a page as GitHub makes them: ids that are written, and headings in small letters, with hyphens for
    spaces, without other punctuation, a repeated one with a number behind it."""
    plain = _FENCED.sub("", page)
    found = set(re.findall(r'<a (?:id|name)="([^"]+)"', plain))
    times: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} +(.+?)(?: +#+)? *$", plain, re.MULTILINE):
        text = re.sub(r"<[^>]*>", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading))
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        number = times[slug] = times.get(slug, -1) + 1
        found.add(f"{slug}-{number}" if number else slug)
    return frozenset(found)


def dead(references: Iterable[Reference], read: Callable[[str], str | None]) -> list[str]:
    """The references that lead nowhere. ``read`` gives a file's text, None where there is no such file."""
    found = []
    for path, anchor in references:
        text = read(path)
        if text is None or (anchor and path.endswith(".md") and anchor not in anchors(text)):
            found.append(f"{path}#{anchor}" if anchor else path)
    return found


def numbered(text: str, *, is_code: bool) -> list[str]:
    """What is cited by a number alone, of a list or a document that isn't named as a page."""
    found = [match[0] for match in _NUMBERED.finditer(text if is_code else re.sub(r"\[[^\]]*\]\([^)]*\)", "", text))]
    return found + (_NUMBERED_COMMENT.findall(text) if is_code else [])


def named_modules(source: str) -> list[str]:
    """The modules that the comments and the docstrings of a module name: ``core/body.py``, ``body.py``."""
    told = [
        token.string
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and token.string.startswith('"""'))
    ]
    return [name for text in told for name in _MODULE.findall(text)]


def module_exists(name: str, path: Path) -> bool:
    """Whether a module that ``path`` names is in the package, in the tests, or in a folder around ``path``."""
    around = [folder for folder in path.parents if folder.is_relative_to(ROOT)]
    roots = (ROOT / "src" / "penstock", ROOT / "tests", *(ROOT / "tests" / "support").iterdir())
    return any((folder / name).is_file() for folder in (*roots, *around))


def _without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", _FENCED.sub("", text))


# The finders by themselves.

SOURCE_EXAMPLE = ROOT / "src" / "penstock" / "dialects" / "framing" / "frame.py"
PAGE = '# Title\n\n## Retry count\n\n```sh\n# no heading\n```\n\n<a id="q42"></a>**42.** Text.\n\n## `a.b` & [c](d.md)\n\n## Retry count\n'


def test_modules_are_found_in_comments_and_docstrings() -> None:
    source = '"""As core/a.py, b.py and *_c.py do."""\npath = "d.py"  # see e.py\n'
    assert named_modules(source) == ["core/a.py", "b.py", "e.py"]
    assert module_exists("core/body.py", SOURCE_EXAMPLE)
    assert module_exists("sse.py", SOURCE_EXAMPLE)
    assert not module_exists("body.py", SOURCE_EXAMPLE)


def read_page(path: str) -> str | None:
    return {"docs/page.md": PAGE}.get(path)


def test_anchors_are_githubs() -> None:
    assert anchors(PAGE) == {"title", "retry-count", "retry-count-1", "q42", "ab--c"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("(docs/page.md#retry-count).", [("docs/page.md", "retry-count")]),
        ("docs/page.md#a, #b and #c; #d.", [("docs/page.md", anchor) for anchor in "abcd"]),
        ("docs/page.md#a,\n#b", [("docs/page.md", "a"), ("docs/page.md", "b")]),
        ("docs/page.md#a, docs/other.md#b", [("docs/page.md", "a"), ("docs/other.md", "b")]),
        ("see docs/page.md.", [("docs/page.md", "")]),
        ("docs/page.md # a comment", [("docs/page.md", "")]),
        ("https://example.com/docs/page.md#a", []),
    ],
)
def test_citations_are_found(text: str, found: list[Reference]) -> None:
    assert citations(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[a](page.md#b)", [("docs/page.md", "b")]),
        ("[a](../README.md) [b](#c)", [("README.md", ""), ("docs/start.md", "c")]),
        ("[a]: page.md#b", [("docs/page.md", "b")]),
        ("[a](https://example.com/#b) `[a](b.md)`\n```\n[a](c.md)\n```\n", []),
    ],
)
def test_links_are_found(text: str, found: list[Reference]) -> None:
    assert links("docs/start.md", text) == found


@pytest.mark.parametrize(
    ("reference", "is_dead"),
    [
        (("docs/page.md", ""), False),
        (("docs/page.md", "retry-count"), False),
        (("docs/page.md", "q42"), False),
        (("docs/page.md", "retry-counts"), True),
        (("docs/page.md", "Retry-count"), True),
        (("docs/page.md", "no-heading"), True),
        (("docs/page.md", "q43"), True),
        (("docs/pages.md", "retry-count"), True),
        (("docs/pages.md", ""), True),
    ],
)
def test_a_misspelt_reference_is_dead(reference: Reference, is_dead: bool) -> None:
    assert bool(dead([reference], read_page)) is is_dead


@pytest.mark.parametrize(
    ("text", "is_code", "found"),
    [
        ("as fixed (spec 5.4)", True, ["spec 5.4"]),
        ("Source: Spec 6; more", True, ["Spec 6"]),
        ("quirks 73 and 75", True, ["quirks 73"]),
        ("quirk 73", False, ["quirk 73"]),
        ("finish reasons (7.3).", True, ["(7.3)"]),
        ("f()  # 28\ng()  # 73: lists", True, ["# 28", "# 73"]),
        ("[quirk 73](quirks.md#q73)", False, []),
        ("RFC 9110 (7.8), HTTP/1.1, docs/quirks.md#q73, wait(0.5), f(0.5, x=(1.0))", True, []),
    ],
)
def test_numbers_of_unnamed_lists_are_found(text: str, is_code: bool, found: list[str]) -> None:
    assert numbered(text, is_code=is_code) == found


# What is in the repository.


def read(path: str) -> str | None:
    target = ROOT / path
    if target.suffix == ".png":
        return "" if target.is_file() else None
    return target.read_text("utf-8") if target.is_file() else "" if target.exists() else None


@pytest.mark.parametrize("folder", ["src", "tests", "bench", "docs"])
def test_citations_in_code_lead_somewhere(folder: str) -> None:
    found = {name: dead(citations(read(name) or ""), read) for name in CODE if name.startswith(f"{folder}/")}
    assert found
    assert {name: references for name, references in found.items() if references} == {}


@pytest.mark.parametrize("name", PAGES)
def test_citations_and_links_in_pages_lead_somewhere(name: str) -> None:
    text = read(name) or ""
    assert dead([*links(name, text), *citations(text)], read) == []


@pytest.mark.parametrize("folder", ["src", "tests", "bench", "docs"])
def test_modules_that_code_names_exist(folder: str) -> None:
    files = [ROOT / name for name in CODE if name.startswith(f"{folder}/")]
    found = [
        (path.relative_to(ROOT).as_posix(), name)
        for path in files
        for name in named_modules(path.read_text("utf-8"))
        if not module_exists(name, path)
    ]
    assert files
    assert found == []


def test_nothing_is_cited_by_a_number_alone() -> None:
    found = {name: numbered(read(name) or "", is_code=name.endswith(".py")) for name in [*CODE, *PAGES]}
    assert {name: numbers for name, numbers in found.items() if numbers} == {}


def test_every_quirk_names_its_tests() -> None:
    """Those of recorded traffic by their number, all others by their name."""
    text = read("docs/quirks.md") or ""
    entries = dict(re.findall(r'<a id="q(\d+)"></a>\*\*\1\.\*\* (.+?)\n\n', text, re.DOTALL))
    assert list(map(int, entries)) == list(range(1, len(entries) + 1))
    recorded = read("tests/recordings/test_quirks.py") or ""
    played = set(re.findall(r"\d+", " ".join(re.findall(r"^@quirk\((.+)\)$", recorded, re.MULTILINE))))
    assert {number for number, entry in entries.items() if f"`test_quirk[{number}]`" in entry} == played
    unbuilt = {number for number, entry in entries.items() if entry.split()[-3:] == ["Not", "built", "yet."]}
    assert unbuilt == entries.keys() - played
    known = set(itertools.chain(*(re.findall(r"def (test_\w+)", read(name) or "") for name in CODE)))
    assert set(re.findall(r"`(test_\w+)[`\[]", text)) - known == set()


_DECISION = re.compile(r"^\| (\d+)(?::[^|]*)? \|.*\| (.+?) \|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]*\w(?:\.py)?)?/?(?:::)?(test_\w+)?`")


def named_tests(cell: str, usual: str) -> list[tuple[str, str]]:
    """The files or folders and the functions of tests that a cell of a table names; a function alone is in the file
    before it, or in the ``usual`` one."""
    found = []
    path = usual
    for named, function in _TEST.findall(cell):
        path = named or path
        found.append((path, function))
    return found


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("`tests/a.py`; `tests/b.py::test_b`, `::test_c`", [("tests/a.py", ""), ("tests/b.py", "test_b"), ("tests/b.py", "test_c")]),
        ("`test_a`, `tests/unit/x/`", [("usual.py", "test_a"), ("tests/unit/x", "")]),
        ("none, see `core/a.py`", []),
    ],
)  # fmt: skip
def test_tests_are_found_in_a_cell(cell: str, found: list[tuple[str, str]]) -> None:
    assert named_tests(cell, "usual.py") == found


def test_every_group_of_fidelity_names_its_tests() -> None:
    """Each decision of docs/fidelity.md names a test that there is, and no group is left out."""
    groups, missing = set(), []
    for section in re.split(r"^## ", read("docs/fidelity.md") or "", flags=re.MULTILINE)[1:]:
        usual = re.search(r"Tests without a file are in\s`([\w/.]+)`", section)
        for group, cell in _DECISION.findall(section):
            groups.add(int(group))
            named = named_tests(cell, usual[1] if usual else "")
            missing += [(group, cell)] if not named else []
            for path, function in named:
                text = read(path)
                if text is None or (function and f"def {function}(" not in text):
                    missing.append((group, f"{path}::{function}"))
    assert missing == []
    assert groups == set(range(1, 27))


_RULE = re.compile(r"^\| (?!rule \||-)(.+?) \| (.+?) \|$", re.MULTILINE)


@pytest.mark.parametrize(("page", "least"), [("docs/doors.md", 40), ("docs/guardrail-rules.md", 70)])
def test_every_rule_names_its_tests(page: str, least: int) -> None:
    """Each row of the page names a test that there is."""
    rows, missing = 0, []
    for section in re.split(r"^## ", read(page) or "", flags=re.MULTILINE)[1:]:
        usual = re.search(r"Tests without a file are in\s`([\w/.]+)`", section)
        for rule, cell in _RULE.findall(section):
            rows += 1
            named = named_tests(cell, usual[1] if usual else "")
            missing += [(rule, cell)] if not named else []
            for path, function in named:
                text = read(path)
                if text is None or (function and f"def {function}(" not in text):
                    missing.append((rule, f"{path}::{function}"))
    assert missing == []
    assert rows > least
