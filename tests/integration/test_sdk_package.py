"""The browser SDK as npm gets it, and the reference that is written from its types."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.parts.installed import PartMissing, need_part, skip_or_fail
from tests.parts.page_rules import problems_in

pytestmark = pytest.mark.slow

ROOT: Final = Path(__file__).parents[2]
SDK: Final = ROOT / "sdk/browser"
EXAMPLES: Final = ROOT / "examples/browser"
REMEDY: Final = "run `npm ci --prefix sdk/browser --ignore-scripts`"


def run(*command: str, folder: Path = SDK) -> str:
    """Run a program of Node.js and return what it prints; what it complains of fails the test."""
    need_part("node", "npm")
    if not (SDK / "node_modules/typescript").is_dir():
        skip_or_fail(PartMissing(f"TypeScript is missing: {REMEDY}"), os.environ)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_reference_is_what_the_types_say() -> None:
    run("node", "tools/reference.js", "--check")


def test_the_package_is_its_modules_their_types_and_its_page() -> None:
    (packed,) = json.loads(run("npm", "pack", "--dry-run", "--json"))
    modules = {path.stem for path in (SDK / "src").glob("*.js")}

    assert {file["path"] for file in packed["files"]} == {
        "README.md",
        "package.json",
        *(f"src/{name}.js" for name in modules),
        *(f"types/{name}.d.ts" for name in modules),
    }
    assert (
        json.loads((SDK / "package.json").read_text())
        .keys()
        .isdisjoint({"dependencies", "peerDependencies"})
    )


def test_its_lock_names_no_registry() -> None:
    assert "resolved" not in (SDK / "package-lock.json").read_text()


def test_the_examples_call_it_as_its_types_say() -> None:
    run("npx", "tsc", "--project", str(EXAMPLES))


@pytest.mark.parametrize(
    "page",
    [*EXAMPLES.glob("*.html"), *EXAMPLES.glob("*.js"), *EXAMPLES.glob("*.css")],
    ids=lambda page: page.name,
)
def test_the_examples_need_nobody_else(page: Path) -> None:
    assert problems_in(page.name, page.read_text("utf-8")) == []
