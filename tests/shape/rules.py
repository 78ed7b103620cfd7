"""Who may import what: each rule yields "path:line: what is wrong"."""

import ast
import re
import sys
from collections.abc import Callable, Iterator

from tests.shape.source import Module, imports_of, is_within, own_package_of
from tests.shape.tables import (
    CORES,
    EMPTY_WORDS,
    FEW_LIBRARIES,
    GUESTS,
    IMPURE,
    NARROW,
    OWNERS,
    ROOT,
    ROWS,
    STRANGERS,
    THREAD_CALLS,
    THREAD_OWNER,
    UNNAMED,
)

Rule = Callable[[Module], Iterator[str]]


def has_a_layer(module: Module) -> Iterator[str]:
    if module.name and module.package not in ROWS:
        yield f"{module.path}:1: {module.package} is in no layer; see tests/architecture.toml"


def imports_lower_layers(module: Module) -> Iterator[str]:
    own = module.package
    row = ROWS.get(own, 0)
    allowed = NARROW.get(own, {package for package in ROWS if ROWS[package] < row})
    for found in imports_of(module):
        package = own_package_of(found.target)
        if package not in {None, "", own, *allowed}:
            only = ", ".join(sorted(allowed)) or "none of our packages"
            yield (
                f"{module.path}:{found.line}: {own or 'scribewire'} imports {package};"
                f" its layer may import only: {only}"
            )


def imports_few_libraries(module: Module) -> Iterator[str]:
    allowed = FEW_LIBRARIES.get(module.package)
    for found in imports_of(module):
        library = found.target.partition(".")[0]
        is_ours = library in {"scribewire", *sys.stdlib_module_names}
        if allowed is not None and not is_ours and library not in allowed:
            only = ", ".join(sorted(allowed)) or "none"
            yield (
                f"{module.path}:{found.line}: {module.package} imports {library};"
                f" libraries it may import: {only}"
            )


def core_is_pure(module: Module) -> Iterator[str]:
    is_core = any(is_within(module.name, core) for core in CORES)
    for found in imports_of(module):
        library = found.target.partition(".")[0]
        if is_core and library in IMPURE:
            yield (
                f"{module.path}:{found.line}: {module.package} imports {library};"
                " a core has no I/O, threads, clock or log: let its shell do it"
            )


def types_load_no_numpy(module: Module) -> Iterator[str]:
    for found in imports_of(module):
        if module.name == "types" and is_within(found.target, "numpy") and not found.is_for_typing:
            yield (
                f"{module.path}:{found.line}: types imports numpy at run time;"
                " the client loads types and no numpy: import it under TYPE_CHECKING"
            )


def leaves_things_to_their_owners(module: Module) -> Iterator[str]:
    for found in imports_of(module):
        for thing, owners in OWNERS.items():
            is_owner = any(is_within(module.name, owner) for owner in owners)
            if is_within(found.target, thing) and not is_owner:
                yield (
                    f"{module.path}:{found.line}: {module.name or 'scribewire'} imports {thing};"
                    f" only these may: {', '.join(sorted(owners)) or 'none'}"
                )


def starts_no_threads(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name) if (
                name in THREAD_CALLS and module.package != THREAD_OWNER
            ):
                yield f"{module.path}:{node.lineno}: {name} starts a thread; ask {THREAD_OWNER}/"


def init_only_gathers_names(module: Module) -> Iterator[str]:
    for statement in module.tree.body if module.is_init else ():
        match statement:
            case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant(value=str())):
                pass
            case ast.Assign(targets=[ast.Name(id="__all__" | "__version__")]):
                pass
            case _:
                yield (
                    f"{module.path}:{statement.lineno}: an __init__.py holds its docstring,"
                    " imports, __all__ and __version__; give the rest a module of its own"
                )


def has_a_telling_name(module: Module) -> Iterator[str]:
    for word in re.split(r"[._]", module.name):
        if word.removesuffix("s") in EMPTY_WORDS:
            yield f"{module.path}:1: '{word}' says nothing; name the module for what it does"


def strangers_do_not_meet(module: Module) -> Iterator[str]:
    """Keep the folders inside a package apart: dialects, families of models."""
    for home in STRANGERS:
        own = folder_inside(module.name, home)
        for found in imports_of(module) if own else ():
            other = folder_inside(found.target.removeprefix("scribewire."), home)
            if other and other != own:
                yield (
                    f"{module.path}:{found.line}: {home}.{own} imports {home}.{other};"
                    f" what they share belongs into {home}/"
                )


def folder_inside(name: str, home: str) -> str | None:
    """Return the first part of a dotted name behind `home`, if it is one of its folders."""
    inside = name.removeprefix(f"{home}.").split(".")[0] if is_within(name, home) else ""
    return inside if (ROOT / "src/scribewire" / home / inside).is_dir() and inside else None


def visits_only_where_it_is_known(module: Module) -> Iterator[str]:
    for found in imports_of(module):
        for home, guests in GUESTS.items():
            is_known = any(is_within(module.name, guest) for guest in (home, *guests))
            if is_within(found.target, f"scribewire.{home}") and not is_known:
                yield (
                    f"{module.path}:{found.line}: {module.name} imports {home};"
                    f" only these may: {', '.join(sorted(guests))}"
                )


def names_no_stranger(module: Module) -> Iterator[str]:
    """Keep a core free of what only one model or dialect is called."""
    for word in sorted(UNNAMED.get(module.package, ())):
        for number, line in enumerate(module.source.splitlines(), 1):
            if word in line.lower():
                yield f"{module.path}:{number}: {module.package} names {word}; it knows none"


RULES: list[Rule] = [
    has_a_layer,
    imports_lower_layers,
    imports_few_libraries,
    core_is_pure,
    types_load_no_numpy,
    leaves_things_to_their_owners,
    starts_no_threads,
    init_only_gathers_names,
    has_a_telling_name,
    strangers_do_not_meet,
    visits_only_where_it_is_known,
    names_no_stranger,
]
