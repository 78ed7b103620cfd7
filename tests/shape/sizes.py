"""How large things may be, what they are called, and where their tests are."""

import ast
import re
from collections.abc import Iterable, Iterator

from tests.shape.source import Module
from tests.shape.tables import (
    MAX_FILE_LINES,
    MAX_FUNCTION_LINES,
    MAX_NESTING,
    MIRRORS_NO_MODULE,
    NEEDS_NO_TEST,
    TWINS,
    UNMIRRORED_FOLDERS,
)

Block = ast.If | ast.For | ast.AsyncFor | ast.While | ast.With | ast.AsyncWith | ast.Try | ast.Match


def keeps_sizes(path: str, source: str) -> Iterator[str]:
    lines = len(source.splitlines())
    if lines > MAX_FILE_LINES:
        yield f"{path}:{lines}: {lines} lines; a file has at most {MAX_FILE_LINES}, aim for 300"
    for node in ast.walk(ast.parse(source, path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield (
                    f"{path}:{node.lineno}: {node.name} has {length} lines;"
                    f" a function has at most {MAX_FUNCTION_LINES}, aim for 25"
                )
            depth = nesting(node)
            if depth > MAX_NESTING:
                yield (
                    f"{path}:{node.lineno}: {node.name} nests {depth} deep;"
                    f" a function nests {MAX_NESTING} deep at most: give the inside a name"
                )


def nesting(node: ast.AST) -> int:
    """Return how many blocks stand inside each other; functions inside are not looked into."""
    deepest = 0
    for name, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        for child in children:
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if isinstance(child, ast.AST):
                # An `elif` is an `if` alone in the `else` of another, and no deeper.
                is_elif = isinstance(child, ast.If) and name == "orelse" and len(children) == 1
                is_deeper = isinstance(child, Block) and not (is_elif and isinstance(node, ast.If))
                deepest = max(deepest, is_deeper + nesting(child))
    return deepest


def names_once(modules: Iterable[Module]) -> Iterator[str]:
    """Find public types of one name in several modules, but for twins that are meant so."""
    homes: dict[str, dict[str, str]] = {}
    for module in modules:
        for name, line in public_types(module.tree):
            homes.setdefault(name, {})[module.name] = f"{module.path}:{line}"
    for name, places in sorted(homes.items()):
        if len(places) > 1 and places.keys() != TWINS.get(name):
            yield f"{min(places.values())}: {name} is also a type in {max(places)}; rename one"


def public_types(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield the classes and type aliases that a module defines."""
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id="TypeAlias")):
                pass
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Subscript() | ast.BinOp()):
                if not name[0].isupper() or name.isupper():
                    continue
            case _:
                continue
        if not name.startswith("_"):
            yield name, node.lineno


def mirrors(modules: set[str], tests: set[str]) -> Iterator[str]:
    """Compare paths below src/scribewire with paths below the root."""
    wanted = {}
    for module in modules:
        folder, _, file = module.rpartition("/")
        name = module.removesuffix(".py").replace("/", ".")
        if file != "__init__.py" and name not in NEEDS_NO_TEST:
            wanted["/".join(filter(None, ["tests", folder, f"test_{file}"]))] = module
    for test in sorted(wanted.keys() - tests):
        yield f"src/scribewire/{wanted[test]}:1: has no test file; write {test}"
    for test in sorted(tests - wanted.keys() - MIRRORS_NO_MODULE.keys()):
        if not test.startswith(tuple(f"{folder}/" for folder in UNMIRRORED_FOLDERS)):
            yield f"{test}:1: tests no module of its name; rename it or move it to integration/"


def lists_packages(page: str, packages: set[str]) -> Iterator[str]:
    for package in sorted(packages):
        if not re.search(rf"\b{package}\b", page):
            yield f"ARCHITECTURE.md:1: does not name {package}/; give it its line"
