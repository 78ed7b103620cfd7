"""architecture.toml, which is all that the rules know."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

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
MAX_NESTING: int = _TABLES["max_nesting"]
STRANGERS = [str(package) for package in _TABLES["strangers"]]
GUESTS = {home: set(guests) for home, guests in _TABLES["guests"].items()}
UNNAMED = {package: set(words) for package, words in _TABLES["unnamed"].items()}
TWINS = {name: set(modules) for name, modules in _TABLES["twins"].items()}
