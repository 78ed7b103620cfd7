"""The layers, owners, sizes and test files that ARCHITECTURE.md promises, read from the source.

Theory of operation. Nothing is imported: each file is parsed, each rule is a function from a
file to the lines that break it (`tests/shape`), and architecture.toml is all that the rules know.
The last part tries every rule on a few lines of source, broken beside good, so that no rule passes
by sleeping.
"""

import re
import tomllib
from collections.abc import Iterator
from functools import cache

import pytest

from tests.shape.rules import (
    RULES,
    Rule,
    core_is_pure,
    has_a_layer,
    has_a_telling_name,
    imports_few_libraries,
    imports_lower_layers,
    init_only_gathers_names,
    leaves_things_to_their_owners,
    names_no_stranger,
    starts_no_threads,
    strangers_do_not_meet,
    types_load_no_numpy,
    visits_only_where_it_is_known,
)
from tests.shape.sizes import keeps_sizes, lists_packages, mirrors, names_once
from tests.shape.source import Module, imports_of, parse_module
from tests.shape.tables import MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_NESTING, ROOT

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


@pytest.mark.parametrize("folder", ["src", "tests", "bench", "scripts", "examples"])
def test_files_and_functions_stay_small(folder: str) -> None:
    files = sources(folder)
    report(problem for path in files for problem in keeps_sizes(path, files[path]))


def test_no_two_public_types_have_one_name() -> None:
    report(names_once(package_modules()))


def test_every_module_has_its_test_file_and_every_test_file_its_module() -> None:
    modules = {path.removeprefix("src/scribewire/") for path in sources("src/scribewire")}
    tests = {path for path in sources("tests") if path.rpartition("/")[2].startswith("test_")}
    report(mirrors(modules, tests))


def test_types_are_checked_alike_with_and_without_the_bench_set() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    skipped = {
        name.removesuffix(".*")
        for override in settings["tool"]["mypy"]["overrides"]
        if override.get("follow_imports") == "skip"
        for name in override["module"]
    }
    wanted = settings["project"]["optional-dependencies"]["bench"]
    of_bench = {re.split(r"[^a-z0-9-]", line.lower())[0].replace("-", "_") for line in wanted}
    imported = {
        found.target.partition(".")[0]
        for folder in ("src", "tests", "bench", "scripts", "examples")
        for path, source in sources(folder).items()
        for found in imports_of(parse_module(path, source))
    }
    assert {"simpy", "matplotlib"} <= of_bench & imported
    assert of_bench & imported <= skipped


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
    (core_is_pure, "sources/pull.py", "import asyncio", "sources imports asyncio"),
    (core_is_pure, "recognition/words.py", "x = 1\nimport time", ":2: recognition imports time"),
    (types_load_no_numpy, "types.py", "import numpy as np", "import it under TYPE_CHECKING"),
    (types_load_no_numpy, "types.py", "if TYPE_CHECKING: x\nelse: import numpy", ":2: types"),
    (leaves_things_to_their_owners, "server/app.py", "import av.audio", "only these may: audio"),
    (leaves_things_to_their_owners, "models/store.py", "import onnxruntime", "may: engines"),
    (leaves_things_to_their_owners, "models/store.py", "import moonshine_voice", "may: none"),
    (leaves_things_to_their_owners, "keys/store.py", "import threading", "client.blocking"),
    (leaves_things_to_their_owners, "keys/store.py", "from concurrent import futures", "runtime"),
    (leaves_things_to_their_owners, "cli/serve.py", "import starlette", "only these may: server"),
    (starts_no_threads, "server/app.py", "asyncio.to_thread(f)", "to_thread starts a thread"),
    (starts_no_threads, "keys/store.py", "loop.run_in_executor(None, f)", "ask runtime/"),
    (init_only_gathers_names, "audio/__init__.py", "'Doc.'\nRATE = 1", ":2: an __init__.py holds"),
    (init_only_gathers_names, "audio/__init__.py", "def f(): ...", ":1: an __init__.py holds"),
    (has_a_telling_name, "audio/utils.py", "", "'utils' says nothing"),
    (has_a_telling_name, "server/session_manager.py", "", "'manager' says nothing"),
    (strangers_do_not_meet, "protocol/legacy/a.py", "import scribewire.protocol.scriptix", "l.s"),
    (strangers_do_not_meet, "protocol/scriptix/a.py", "from ..legacy import shape", "legacy"),
    (visits_only_where_it_is_known, "server/app.py", "from ..protocol.scriptix import x", "l.s"),
    (visits_only_where_it_is_known, "cli/a.py", "import scribewire.engines.moonshine", "moonsh"),
    (names_no_stranger, "recognition/judge.py", "\n# as Moonshine", ":2: recognition names"),
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
    (leaves_things_to_their_owners, "engines/a/prepare.py", "from ..onnx import onnxruntime"),
    (leaves_things_to_their_owners, "engines/onnx.py", "import onnxruntime"),
    (leaves_things_to_their_owners, "runtime/workers.py", "from concurrent.futures import Future"),
    (leaves_things_to_their_owners, "audio/container.py", "import av, available"),
    (starts_no_threads, "runtime/workers.py", "asyncio.to_thread(f)"),
    (init_only_gathers_names, "audio/__init__.py", "'Doc.'\nimport json\n__all__ = ['json']"),
    (init_only_gathers_names, "audio/wav.py", "RATE = 1"),
    (has_a_telling_name, "audio/commonwealth.py", ""),
    (strangers_do_not_meet, "protocol/scriptix/a.py", "from scribewire.protocol import pending"),
    (strangers_do_not_meet, "protocol/dialects.py", "from . import legacy, scriptix"),
    (strangers_do_not_meet, "engines/moonshine/engine.py", "import scribewire.engines.beam"),
    (visits_only_where_it_is_known, "protocol/dialects.py", "from . import scriptix"),
    (visits_only_where_it_is_known, "engines/families.py", "import scribewire.engines.moonshine"),
    (names_no_stranger, "engines/loader.py", "# as Moonshine does"),
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


def nested(depth: int) -> str:
    """Return a function with so many blocks inside each other."""
    blocks = [f"{' ' * level}if x:\n" for level in range(1, depth + 1)]
    return f"def f():\n{''.join(blocks)}{' ' * (depth + 1)}pass\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1\n" * MAX_FILE_LINES, []),
        ("x = 1\n" * (MAX_FILE_LINES + 1), ["src/a.py:401: 401 lines"]),
        (METHOD + "        x = 1\n" * (MAX_FUNCTION_LINES - 1), []),
        (METHOD + "        x = 1\n" * MAX_FUNCTION_LINES, ["src/a.py:2: f has 61 lines"]),
        (nested(MAX_NESTING), []),
        (nested(MAX_NESTING + 1), ["src/a.py:1: f nests 4 deep"]),
        ("def f():\n  if a: x\n  elif b: y\n  elif c: z\n  elif d: x\n  else: y", []),
    ],
    ids=[
        *("a full file", "a line too many", "a full function", "a line too many in it"),
        *("deep", "a block too deep", "a chain is not deep"),
    ],
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


def test_a_type_that_has_its_name_twice_is_found() -> None:
    sources = {
        "src/scribewire/a.py": "class Pace: ...\nclass _Own: ...",
        "src/scribewire/b.py": "x = 1\nPace = Literal['fast']\nclass _Own: ...\nPACES = a[1]",
        "src/scribewire/c.py": "Other: TypeAlias = int\nfrom scribewire.a import Pace",
    }

    problems = list(names_once(parse_module(*item) for item in sources.items()))

    assert problems == ["src/scribewire/a.py:1: Pace is also a type in b; rename one"]


def test_a_package_that_the_page_forgets_is_found() -> None:
    problems = list(lists_packages("| `audio/` | bytes to samples |", {"audio", "keys"}))

    assert problems == ["ARCHITECTURE.md:1: does not name keys/; give it its line"]
