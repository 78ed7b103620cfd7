"""The layers, owners, sizes and test files that ARCHITECTURE.md promises, read from the source.

Theory of operation. Nothing is imported: each file is parsed, each rule is a function from a
file to the lines that break it, and architecture.toml is all that the rules know. The last part
tries every rule on a few lines of source, broken beside good, so that no rule passes by sleeping.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

# The tables

_TABLES: dict[str, Any] = tomllib.loads((ROOT / "tests/architecture.toml").read_text("utf-8"))

ROWS = {package: int(row) for row, packages in _TABLES["layers"].items() for package in packages}
NARROW = {name: set(allowed) for name, allowed in _TABLES["narrow"].items()}
FEW_LIBRARIES = {name: set(allowed) for name, allowed in _TABLES["few_libraries"].items()}
CORES, IMPURE = set(_TABLES["cores"]), set(_TABLES["impure"])
OWNERS = {library: set(owners) for library, owners in _TABLES["owners"].items()}
THREAD_CALLS, THREAD_OWNER = set(_TABLES["thread_calls"]), str(_TABLES["thread_owner"])
MAX_FILE_LINES: int = _TABLES["max_file_lines"]
MAX_FUNCTION_LINES: int = _TABLES["max_function_lines"]
EMPTY_WORDS = set(_TABLES["empty_words"])
NEEDS_NO_TEST, MIRRORS_NO_MODULE = _TABLES["needs_no_test"], _TABLES["mirrors_no_module"]
UNMIRRORED_FOLDERS = [str(folder) for folder in _TABLES["unmirrored_folders"]]


# Reading the source


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One file of the package, parsed."""

    path: str
    """From the root of the repository."""
    name: str
    """Dotted, without `scribewire`: `engines.silero`. The package itself is the empty name."""
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
    return Module(path=path, name=".".join(parts), tree=ast.parse(source, path))


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


# The rules: each yields "path:line: what is wrong"

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
    for found in imports_of(module):
        library = found.target.partition(".")[0]
        if module.package in CORES and library in IMPURE:
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
]


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


# The tree keeps the rules


@cache
def sources(folder: str) -> dict[str, str]:
    """Return every Python file below a folder, by its path from the root."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in paths}


@cache
def package_modules() -> list[Module]:
    return [parse_module(path, source) for path, source in sources("src/scribewire").items()]


def report(problems: Iterator[str]) -> None:
    found = list(problems)
    if found:
        pytest.fail("\n".join(["", *found]), pytrace=False)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module_keeps_the_rule(rule: Rule) -> None:
    report(problem for module in package_modules() for problem in rule(module))


@pytest.mark.parametrize("folder", ["src", "tests", "bench", "scripts"])
def test_files_and_functions_stay_small(folder: str) -> None:
    files = sources(folder)
    report(problem for path in files for problem in keeps_sizes(path, files[path]))


def test_every_module_has_its_test_file_and_every_test_file_its_module() -> None:
    modules = {path.removeprefix("src/scribewire/") for path in sources("src/scribewire")}
    tests = {path for path in sources("tests") if path.rpartition("/")[2].startswith("test_")}
    report(mirrors(modules, tests))


def test_the_architecture_page_names_every_package() -> None:
    page = ROOT / "ARCHITECTURE.md"
    packages = {module.package for module in package_modules() if module.is_init and module.name}
    if page.exists():
        report(lists_packages(page.read_text("utf-8"), packages))


# The rules find what they look for

BROKEN = [
    # rule, file below src/scribewire, source, what the problem must say
    (has_a_layer, "gossip/talk.py", "", "gossip is in no layer"),
    (imports_lower_layers, "audio/wav.py", "import scribewire.server", ":1: audio imports server"),
    (imports_lower_layers, "audio/wav.py", "from scribewire import cli", "imports cli"),
    (imports_lower_layers, "audio/wav.py", "\nfrom ..protocol import codec", ":2: audio imports"),
    (imports_lower_layers, "audio/__init__.py", "from .. import keys", "audio imports keys"),
    (imports_lower_layers, "engines/fast/ctc.py", "from ...runtime import x", "imports runtime"),
    (imports_lower_layers, "audio/wav.py", "def f():\n    import scribewire.keys", ":2: audio"),
    (imports_lower_layers, "audio/wav.py", "import_module('scribewire.keys')", "imports keys"),
    (imports_lower_layers, "audio/wav.py", "if TYPE_CHECKING:\n  import scribewire.keys", "keys"),
    (imports_lower_layers, "server/app.py", "import scribewire.client", "server imports client"),
    (imports_lower_layers, "client/sync.py", "import scribewire.settings", "may import only: err"),
    (imports_lower_layers, "protocol/codec.py", "import scribewire.settings", "imports settings"),
    (imports_lower_layers, "__init__.py", "from .errors import ClientFault", "imports errors"),
    (imports_few_libraries, "protocol/codec.py", "import numpy", "protocol imports numpy"),
    (imports_few_libraries, "recognition/words.py", "import scipy.signal", "may import: numpy"),
    (imports_few_libraries, "client/live.py", "from numpy import array", "client imports numpy"),
    (core_is_pure, "protocol/codec.py", "from asyncio import Queue", "imports asyncio"),
    (core_is_pure, "recognition/words.py", "import os.path", "imports os"),
    (core_is_pure, "recognition/words.py", "x = 1\nimport time", ":2: recognition imports time"),
    (types_load_no_numpy, "types.py", "import numpy as np", "import it under TYPE_CHECKING"),
    (types_load_no_numpy, "types.py", "if TYPE_CHECKING: x\nelse: import numpy", ":2: types"),
    (leaves_things_to_their_owners, "server/app.py", "import av.audio", "only these may: audio"),
    (leaves_things_to_their_owners, "models/store.py", "import onnxruntime", "may: engines"),
    (leaves_things_to_their_owners, "models/store.py", "import moonshine_voice", "may: none"),
    (leaves_things_to_their_owners, "keys/store.py", "import threading", "client.blocking"),
    (leaves_things_to_their_owners, "keys/store.py", "from concurrent import futures", "runtime"),
    (leaves_things_to_their_owners, "cli/serve.py", "import uvicorn", "only these may: server"),
    (starts_no_threads, "server/app.py", "asyncio.to_thread(f)", "to_thread starts a thread"),
    (starts_no_threads, "keys/store.py", "loop.run_in_executor(None, f)", "ask runtime/"),
    (init_only_gathers_names, "audio/__init__.py", "'Doc.'\nRATE = 1", ":2: an __init__.py holds"),
    (init_only_gathers_names, "audio/__init__.py", "def f(): ...", ":1: an __init__.py holds"),
    (has_a_telling_name, "audio/utils.py", "", "'utils' says nothing"),
    (has_a_telling_name, "server/session_manager.py", "", "'manager' says nothing"),
]  # fmt: skip

GOOD = [
    (has_a_layer, "audio/wav.py", ""),
    (imports_lower_layers, "audio/wav.py", "from . import pcm\nfrom .pcm import decode"),
    (imports_lower_layers, "audio/wav.py", "import scribewire.audio.pcm, scribewire.settings"),
    (imports_lower_layers, "audio/wav.py", "from scribewire import __version__, errors"),
    (imports_lower_layers, "client/live.py", "from scribewire.protocol import codec"),
    (imports_lower_layers, "cli/serve.py", "from scribewire.server.app import run"),
    (imports_lower_layers, "__main__.py", "from scribewire.cli import main"),
    (imports_few_libraries, "recognition/words.py", "import math, numpy.typing"),
    (imports_few_libraries, "client/blocking.py", "from websockets.sync.client import connect"),
    (imports_few_libraries, "server/app.py", "import starlette"),
    (core_is_pure, "protocol/codec.py", "import json\nfrom collections import deque"),
    (core_is_pure, "runtime/workers.py", "import time"),
    (types_load_no_numpy, "types.py", "if TYPE_CHECKING:\n  import numpy as np"),
    (leaves_things_to_their_owners, "engines/a/prepare.py", "import onnxruntime"),
    (leaves_things_to_their_owners, "engines/silero.py", "import onnxruntime"),
    (leaves_things_to_their_owners, "runtime/workers.py", "from concurrent.futures import Future"),
    (leaves_things_to_their_owners, "audio/container.py", "import av, available"),
    (starts_no_threads, "runtime/workers.py", "asyncio.to_thread(f)"),
    (init_only_gathers_names, "audio/__init__.py", "'Doc.'\nimport json\n__all__ = ['json']"),
    (init_only_gathers_names, "audio/wav.py", "RATE = 1"),
    (has_a_telling_name, "audio/commonwealth.py", ""),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "file", "source", "expected"), BROKEN)
def test_a_rule_finds_what_breaks_it(rule: Rule, file: str, source: str, expected: str) -> None:
    problems = list(rule(parse_module(f"src/scribewire/{file}", source)))

    assert len(problems) == 1
    assert problems[0].startswith(f"src/scribewire/{file}:")
    assert expected in problems[0]


@pytest.mark.parametrize(("rule", "file", "source"), GOOD)
def test_a_rule_lets_good_source_pass(rule: Rule, file: str, source: str) -> None:
    problems = list(rule(parse_module(f"src/scribewire/{file}", source)))

    assert problems == []


def test_every_rule_is_tried_on_broken_and_on_good_source() -> None:
    assert {rule for rule, *_ in BROKEN} == {rule for rule, *_ in GOOD} == set(RULES)


METHOD = "class A:\n    async def f(self):\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1\n" * MAX_FILE_LINES, []),
        ("x = 1\n" * (MAX_FILE_LINES + 1), ["src/a.py:501: 501 lines"]),
        (METHOD + "        x = 1\n" * (MAX_FUNCTION_LINES - 1), []),
        (METHOD + "        x = 1\n" * MAX_FUNCTION_LINES, ["src/a.py:2: f has 61 lines"]),
    ],
    ids=["a full file", "a line too many", "a full function", "a line too many in it"],
)
def test_sizes_are_counted_to_the_line(source: str, expected: list[str]) -> None:
    problems = [problem.partition(";")[0] for problem in keeps_sizes("src/a.py", source)]

    assert problems == expected


def test_a_missing_test_file_and_a_stray_one_are_found() -> None:
    modules = {"types.py", "audio/__init__.py", "audio/wav.py", "engines/fast/ctc.py"}
    tests = {"tests/test_types.py", "tests/audio/test_wave.py", "tests/integration/test_all.py"}

    problems = [problem.partition(";")[0] for problem in mirrors(modules, tests)]

    assert problems == [
        "src/scribewire/audio/wav.py:1: has no test file",
        "src/scribewire/engines/fast/ctc.py:1: has no test file",
        "tests/audio/test_wave.py:1: tests no module of its name",
    ]


def test_a_package_that_the_page_forgets_is_found() -> None:
    problems = list(lists_packages("| `audio/` | bytes to samples |", {"audio", "keys"}))

    assert problems == ["ARCHITECTURE.md:1: does not name keys/; give it its line"]
