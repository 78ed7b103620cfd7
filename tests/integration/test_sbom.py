"""The bill of materials, which a script writes from the lock."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

import scribewire

ROOT: Final = Path(__file__).parents[2]


@pytest.mark.slow  # starts the program that writes it
def test_it_names_what_is_installed_with_versions_and_hashes(tmp_path: Path) -> None:
    written = tmp_path / "sbom.json"
    locks = ("runtime", "whisper-base")
    lock = "".join((ROOT / f"requirements/{name}.txt").read_text() for name in locks)

    # `make sbom` checks it against CycloneDX's schema too, which takes 6 s of a core.
    command = [str(ROOT / "scripts/sbom"), "--no-validate", "--output-file", str(written)]
    subprocess.run(command, check=True, capture_output=True)

    bill = json.loads(written.read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    ours = bill["metadata"]["component"]
    assert (ours["name"], ours["version"]) == ("scribewire", scribewire.__version__)
    assert {(one["name"], one["version"]) for one in bill["components"]} == set(
        re.findall(r"^([\w.-]+)==([^\s;]+)", lock, re.MULTILINE)
    )
    hashes = re.findall(r'"content": "([0-9a-f]{64})"', written.read_text())
    assert set(hashes) == set(re.findall(r"sha256:([0-9a-f]{64})", lock))
