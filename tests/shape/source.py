"""A file of the package, parsed, and what it imports. Nothing is imported to find out."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from tests.shape.tables import ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One file of the package, parsed."""

    path: str
    """From the root of the repository."""
    name: str
    """Dotted, without `scribewire`: `engines.silero`. The package itself is the empty name."""
    source: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """The first part of the name: the word that the tables use."""
        return self.name.partition(".")[0]

    @property
    def is_init(self) -> bool:
        """Whether relative imports start here and not one package above."""
        return self.path.endswith("/__init__.py")


@dataclass(frozen=True, slots=True)
class Import:
    """One thing that a line imports, by its absolute dotted name."""

    target: str
    line: int
    is_for_typing: bool


def parse_module(path: str, source: str) -> Module:
    parts = path.removeprefix("src/scribewire/").removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    name = ".".join(parts)
    return Module(path=path, name=name, source=source, tree=ast.parse(source, path))


def imports_of(module: Module) -> list[Import]:
    for_typing = {
        id(inner)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.If)
        and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
        for statement in node.body
        for inner in ast.walk(statement)
    }
    return [
        Import(target, line, id(node) in for_typing)
        for node in ast.walk(module.tree)
        for target, line in targets_of(node, module)
    ]


def targets_of(node: ast.AST, module: Module) -> Iterator[tuple[str, int]]:
    match node:
        case ast.Import(names=names):
            yield from ((alias.name, node.lineno) for alias in names)
        case ast.ImportFrom(names=names):
            origin = origin_of(node, module)
            yield from ((f"{origin}.{alias.name}", node.lineno) for alias in names)
        case ast.Call(
            func=ast.Name(id="__import__" | "import_module")
            | ast.Attribute(attr="__import__" | "import_module"),
            args=[ast.Constant(value=str(target)), *_],
        ):
            yield target, node.lineno


def origin_of(node: ast.ImportFrom, module: Module) -> str:
    if node.level == 0:
        return node.module or ""
    package = ["scribewire", *module.name.split(".")] if module.name else ["scribewire"]
    up = node.level - 1 if module.is_init else node.level
    kept = package[: len(package) - up]
    return ".".join([*kept, node.module] if node.module else kept)


def is_within(name: str, owner: str) -> bool:
    return name == owner or name.startswith(f"{owner}.")


def own_package_of(target: str) -> str | None:
    """Return which of our packages is imported; the empty name is `scribewire` itself."""
    first, _, rest = target.partition(".")
    if first != "scribewire":
        return None
    package = rest.partition(".")[0]
    return "" if package.startswith("__") and package not in ROWS else package
