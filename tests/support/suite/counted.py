"""Counts the work of the gateway's code, the same on every machine: nothing is timed.

The package is loaded a second time, its syntax trees changed so that each statement and each step of a comprehension
counts 1, and what C code does behind one operation counts by the sizes of its operands: a search in a list, a joined or
sliced text, a copied object, a parsed document. ``with counted() as work`` gives the loaded copy and its counter.
"""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

_PACKAGE: Final = "penstock"
_COPY: Final = "penstock_counted"
_NAMED: Final = re.compile(r"penstock\.(core|dialects|guards|pipeline|prices|providers|routing|stores)\b")
"""Texts that name modules."""
_SEQUENCES: Final = (str, bytes, bytearray, list, tuple, deque)
_SIZED: Final = (*_SEQUENCES, dict, set, frozenset)
_COPIES: Final = frozenset({list, tuple, set, frozenset, dict, bytes, bytearray, str, deque})
_FREE: Final = frozenset(
    """
    len isinstance issubclass type id hash next iter getattr setattr hasattr callable ord chr abs memoryview reversed
    enumerate zip map filter append appendleft get setdefault add discard items keys values popitem popleft clear
    startswith endswith unpack_from bit_length fullmatch_free is_integer group groups end start span cast
    """.split()
)
_OWN: Final = frozenset({"super", "locals", "globals"})


def _size(value: Any) -> int:
    return len(value) if isinstance(value, _SIZED) else 0


class Work:
    """A counter, and what the changed code calls in place of its operations."""

    def __init__(self) -> None:
        self.done = 0

    def tick(self) -> None:
        self.done += 1

    def each(self, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            self.done += 1
            yield value

    def copied(self, value: Any) -> Any:
        self.done += _size(value)
        return value

    def added(self, left: Any, right: Any) -> Any:
        self.done += 1 + _size(left) + _size(right)
        return left + right

    def united(self, left: Any, right: Any) -> Any:
        self.done += 1 + _size(left) + _size(right)
        return left | right

    def grown(self, target: Any, more: Any) -> Any:
        """``target += more``: what can't change is made anew."""
        self.done += 1 + _size(more) + (len(target) if isinstance(target, str | bytes | tuple) else 0)
        return more

    def contains(self, value: Any, holder: Any) -> bool:
        is_searched = isinstance(holder, _SEQUENCES) or type(holder).__name__ == "dict_values"
        self.done += 1 + (len(holder) if is_searched else 0)
        return value in holder

    def equal(self, left: Any, right: Any) -> Any:
        self.done += 1 + min(_size(left), _size(right))
        return left == right

    def called(self, function: Any, *args: Any, **named: Any) -> Any:
        result = function(*args, **named)
        self.done += 1 + _price(function, args, result)
        return result


def _price(function: Any, args: tuple[Any, ...], result: Any) -> int:
    """What a call costs beyond what the changed code counts by itself."""
    if isinstance(function, FunctionType | MethodType):
        module = getattr(function, "__module__", None) or ""
        if module.startswith(_PACKAGE):
            return 0
        if isinstance(getattr(function, "__self__", None), json.JSONDecoder) and len(args) > 1:
            return int(result[1]) - int(args[1])
        return sum(map(_size, args)) + _size(result)
    if isinstance(function, type):
        return max(_size(result), _size(args[0]) if args else 0) if function in _COPIES else 0
    owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
    if isinstance(owner, re.Pattern):
        return _search(name, args, result)
    if name in _FREE:
        return 0
    if isinstance(owner, _SIZED):
        return _method(owner, name, args, result)
    return sum(map(_size, args)) + _size(result)


def _search(name: str, args: Sequence[Any], result: Any) -> int:
    start = args[1] if len(args) > 1 else 0
    if name in {"match", "fullmatch", "search"}:
        return int(result.end()) - start if result is not None else len(args[0]) - start if name == "search" else 1
    return len(args[0])


def _method(owner: Any, name: str, args: Sequence[Any], result: Any) -> int:
    if name == "pop":
        return len(owner) if isinstance(owner, list) and args and args[0] == 0 else 0
    if name in {"extend", "update", "subtract"}:
        return sum(map(_size, args))
    if name == "join":
        return _size(result)
    if name in {"find", "rfind"}:
        start, end = args[1] if len(args) > 1 else 0, args[2] if len(args) > 2 else len(owner)
        found = (start if name == "rfind" else end) if result < 0 else result
        return max(end - found if name == "rfind" else found - start, 0)
    return len(owner)


class _Counting(ast.NodeTransformer):
    """Puts the counter's calls in place of operations."""

    def _work(self, name: str, *args: ast.expr, keywords: Sequence[ast.keyword] = ()) -> ast.Call:
        attribute = ast.Attribute(ast.Name("__work__", ast.Load()), name, ast.Load())
        return ast.Call(attribute, list(args), list(keywords))

    def _body(self, body: list[ast.stmt]) -> list[ast.stmt]:
        changed: list[ast.stmt] = []
        for statement in body:
            is_head = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
            is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if not (is_head or is_text):
                changed.append(ast.Expr(self._work("tick")))
            changed.append(statement)
        return changed

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.For | ast.While | ast.If | ast.With | ast.Try):
            node.body = self._body(node.body)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        self.generic_visit(node)
        node.iter = self._work("each", node.iter) if not node.is_async else node.iter
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, ast.Add):
            return self._work("added", node.left, node.right)
        return self._work("united", node.left, node.right) if isinstance(node.op, ast.BitOr) else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AugAssign:
        self.generic_visit(node)
        is_plain = not any(isinstance(part, ast.Call) for part in ast.walk(node.target))
        if isinstance(node.op, ast.Add | ast.BitOr) and is_plain:
            read = ast.parse(ast.unparse(node.target), mode="eval").body
            node.value = self._work("grown", read, node.value)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        if len(node.ops) != 1:
            return node
        match node.ops[0]:
            case ast.In():
                return self._work("contains", node.left, node.comparators[0])
            case ast.NotIn():
                return ast.UnaryOp(ast.Not(), self._work("contains", node.left, node.comparators[0]))
            case ast.Eq():
                return self._work("equal", node.left, node.comparators[0])
            case ast.NotEq():
                return ast.UnaryOp(ast.Not(), self._work("equal", node.left, node.comparators[0]))
            case _:
                return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        is_read = isinstance(node.ctx, ast.Load) and isinstance(node.slice, ast.Slice)
        return self._work("copied", node) if is_read else node

    def visit_Starred(self, node: ast.Starred) -> ast.Starred:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load):
            node.value = self._work("copied", node.value)
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.Dict:
        self.generic_visit(node)
        pairs = zip(node.keys, node.values, strict=True)
        node.values = [self._work("copied", value) if key is None else value for key, value in pairs]
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        is_own = isinstance(node.func, ast.Name) and node.func.id in _OWN
        is_counter = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "__work__"
        return node if is_own or is_counter else self._work("called", node.func, *node.args, keywords=node.keywords)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        node.value = None if node.value is None else self.visit(node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        returns, annotations = (
            node.returns,
            [(arg, arg.annotation) for arg in ast.walk(node.args) if isinstance(arg, ast.arg)],
        )
        node.returns = None
        for arg, _ in annotations:
            arg.annotation = None
        self.generic_visit(node)
        node.returns = returns
        for arg, annotation in annotations:
            arg.annotation = annotation
        return node

    def visit_match_case(self, node: ast.match_case) -> ast.match_case:
        node.guard = None if node.guard is None else self.visit(node.guard)
        node.body = self._body([self.visit(statement) for statement in node.body])
        return node


class _Renaming(ast.NodeTransformer):
    """Imports the copy's modules where the source imports the package's own, by statements or by names in texts."""

    def visit_Import(self, node: ast.Import) -> ast.Import:
        for each in node.names:
            each.name = _of_copy(each.name)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        node.module = node.module and _of_copy(node.module)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if isinstance(node.value, str) and _NAMED.match(node.value):
            node.value = _of_copy(node.value)
        return node


def _of_copy(name: str) -> str:
    return _COPY + name.removeprefix(_PACKAGE) if name.partition(".")[0] == _PACKAGE else name


class _Loader(importlib.machinery.SourceFileLoader):
    work = Work()

    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> CodeType:  # type: ignore[override]
        tree = _Counting().visit(_Renaming().visit(ast.parse(data, path)))
        code: CodeType = compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)
        return code

    def get_code(self, fullname: str) -> CodeType | None:  # never from a cache
        return self.source_to_code(self.get_data(self.path), self.path)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__work__"] = self.work
        super().exec_module(module)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] != _COPY:
            return None
        spec = importlib.machinery.PathFinder.find_spec(_PACKAGE + name.removeprefix(_COPY), path, target)
        if spec is None or spec.origin is None:
            return None
        locations = spec.submodule_search_locations
        return importlib.util.spec_from_file_location(
            name, spec.origin, loader=_Loader(name, spec.origin), submodule_search_locations=locations
        )


sys.meta_path.insert(0, _Finder())


class Copy:
    """A copy of the package that counts: ``copy["penstock.core.body"]`` is a module of it. It stands beside the package
    under another name: no thread that runs the package's own code sees it."""

    work = _Loader.work

    def __getitem__(self, name: str) -> ModuleType:
        return importlib.import_module(_of_copy(name))

    def count(self, function: Callable[[], object]) -> int:
        """The work that a call makes."""
        before = self.work.done
        function()
        return self.work.done - before
