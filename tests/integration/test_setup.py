"""What scripts/setup installs, and what it does where the model's publisher has withdrawn it.

Python is played by a program that writes down what it is asked for; what it finds in the folder
`withdrawn` cannot be installed.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
SET, FIRST, SECOND = "dev", "whisper-base", "whisper-base-mirror"

PYTHON: Final = """\
#!/usr/bin/env bash
case "$*" in
*"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
*" -r "*)
    echo "${!#}" >>asked
    case "$*" in *"--require-hashes --only-binary :all:"*) ;; *) exit 1 ;; esac
    test ! -e "withdrawn/$(basename "${!#}" .txt)"
    ;;
esac
"""


@dataclass(frozen=True)
class Checkout:
    folder: Path

    def set_up(self, *withdrawn: str) -> tuple[list[str], str]:
        """Return which sets were asked for, in their order, and what was warned of."""
        shutil.rmtree(self.folder / "withdrawn", ignore_errors=True)
        (self.folder / "withdrawn").mkdir()
        for name in withdrawn:
            (self.folder / "withdrawn" / name).touch()
        (self.folder / "asked").write_text("")
        done = subprocess.run(
            ["scripts/setup", SET],
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin", "PYTHON": str(self.folder / "python")},
            check=True,
            capture_output=True,
            text=True,
        )
        asked = (self.folder / "asked").read_text().split()
        return [Path(name).stem for name in asked], done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/setup", tmp_path / "scripts")
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "python").write_text(PYTHON)
    (tmp_path / "python").chmod(0o755)
    return Checkout(tmp_path)


def test_the_model_is_installed_after_the_set_and_once(checkout: Checkout) -> None:
    assert checkout.set_up() == ([SET, FIRST], "")
    assert checkout.set_up() == ([], "")


def test_where_the_first_publisher_has_withdrawn_it_the_second_serves(checkout: Checkout) -> None:
    assert checkout.set_up(FIRST) == ([SET, FIRST, SECOND], "")
    assert checkout.set_up(FIRST) == ([], "")


def test_without_the_model_everything_else_is_there_and_it_is_tried_again(
    checkout: Checkout,
) -> None:
    asked, warning = checkout.set_up(FIRST, SECOND)

    assert asked == [SET, FIRST, SECOND]
    assert "the model of Dutch, French and German cannot be had" in warning
    assert checkout.set_up(FIRST, SECOND) == ([FIRST, SECOND], warning)
    assert checkout.set_up() == ([FIRST], "")


def test_another_lock_of_the_model_is_installed_anew(checkout: Checkout) -> None:
    checkout.set_up()
    with (checkout.folder / "requirements/whisper-base.txt").open("a") as lock:
        lock.write("# another\n")

    assert checkout.set_up() == ([FIRST], "")
