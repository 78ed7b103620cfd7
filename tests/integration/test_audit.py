"""The audit of the locked requirements, which is a script, against a registry of loopback."""

from __future__ import annotations

import http.server
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
A, B, C = ("a" * 64, "b" * 64, "c" * 64)
PAGE: Final = "page"  # asked about this package, the registry answers with a page


def load_audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / "scripts/audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["audit"] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


audit = load_audit()


@dataclass
class LoopbackRegistry:
    """Answers in JSON about the packages of `files`; what is asked stands in `asked`."""

    server: http.server.ThreadingHTTPServer
    files: dict[str, list[dict[str, object]]]
    asked: list[tuple[str, str | None]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/simple"


@pytest.fixture
def registry() -> Iterator[LoopbackRegistry]:
    files: dict[str, list[dict[str, object]]] = {}
    asked: list[tuple[str, str | None]] = []

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            known = files.get(self.path.removeprefix("/simple/").rstrip("/"))
            is_page = PAGE in self.path
            body = b"<html>" if is_page else json.dumps({"files": known}).encode()
            self.send_response(200 if is_page or known is not None else 404)
            self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield LoopbackRegistry(server, files, asked)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one package in each lock."""
    for folder in ("scripts", "requirements", "tests/parts", ".venv"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / "scripts/audit.py", tmp_path / "scripts")
    shutil.copy(ROOT / audit.NPM_LOCK, tmp_path / audit.NPM_LOCK)
    for name in audit.SETS:
        (tmp_path / f"requirements/{name}.txt").write_text(f"x-{name}==1 --hash=sha256:{A}\n")
    return tmp_path


def run(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    environment |= {"PATH": os.defpath, "PIP_CONFIG_FILE": os.devnull}
    command = [sys.executable, "scripts/audit.py"]
    return subprocess.run(
        command, cwd=checkout, env=environment, check=False, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (f"ab==1.2 --hash=sha256:{A}", None),
        (f"a-b[c,d]==1.2rc1 ; python_version < '3.12' \\\n    --hash=sha256:{A}", None),
        (f"ab>=1.2 --hash=sha256:{A}", "ab>=1.2: expected one version, as `name==1.2`"),
        (f"ab==1.* --hash=sha256:{A}", "ab==1.*: expected one version, as `name==1.2`"),
        (f"ab --hash=sha256:{A}", "ab: expected one version, as `name==1.2`"),
        ("-r more.txt", "-r more.txt: expected one version, as `name==1.2`"),
        ("ab @ file.whl", "ab @ file.whl: expected one version, as `name==1.2`"),
        ("ab==1.2", "ab==1.2: expected the hashes of its files; run scripts/lock"),
        ("ab==1.2 --hash=md5:0", "ab==1.2: expected the hashes of its files; run scripts/lock"),
        ("ab==1.2 --hash=sha256:00", "ab==1.2: expected the hashes of its files; run scripts/lock"),
    ],
)
def test_every_line_names_one_version_and_its_hashes(line: str, fault: str | None) -> None:
    lock = audit.read_lock(f"# locked\n\n{line}\n")

    assert (list(lock.faults), len(lock.pinned)) == (([fault], 0) if fault else ([], 1))


def test_the_locks_of_this_checkout_are_pinned() -> None:
    for name in audit.SETS:
        lock = audit.read_lock((ROOT / f"requirements/{name}.txt").read_text())
        assert (lock.faults, bool(lock.pinned)) == ((), True)
    assert audit.npm_faults((ROOT / audit.NPM_LOCK).read_text()) == []


def test_an_npm_entry_without_integrity_is_told() -> None:
    lock = {
        "packages": {"": {}, "a": {"version": "1", "integrity": "sha512-"}, "b": {"version": "1"}}
    }

    assert audit.npm_faults(json.dumps(lock)) == ["b: expected its version and integrity"]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([(A, False), (B, False)], None),
        ([(A, False), (B, True)], "no reason given"),
        ([(A, "breaks"), (B, False)], "breaks"),
        ([(A, "")], "no reason given"),
        ([(C, "of another version")], None),
    ],
)
def test_what_counts_is_whether_a_locked_file_was_withdrawn(
    files: list[tuple[str, bool | str]], reason: str | None
) -> None:
    package = audit.Pinned(name="ab", version="1", hashes=frozenset({A, B}))
    said = [{"hashes": {"sha256": digest}, "yanked": yanked} for digest, yanked in files]

    assert audit.withdrawn(said, package) == reason


def test_pips_own_configuration_says_who_is_asked() -> None:
    folders = "global.extra-index-url='file:///a https://b.example/simple'\nglobal.cert='/ca'\n"
    environment = ":env:.index-url='https://u:p@c.example/simple/'\n"

    found = audit.read_registries(environment + folders)

    assert [registry.url for registry in found] == [
        "https://u:p@c.example/simple/",
        "https://b.example/simple",
    ]
    assert {registry.authorities for registry in found} == {"/ca"}
    assert len(audit.read_registries("")) == 1  # pip's default
    assert audit.read_registries(":env:.no-index='1'") == []


@pytest.mark.slow  # starts Python twice each time
def test_a_withdrawn_version_fails_and_a_good_one_is_not_asked_about_twice(
    checkout: Path, registry: LoopbackRegistry
) -> None:
    registry.files["x-dev"] = [{"hashes": {"sha256": A}, "yanked": "lost a letter"}]
    registry.files["x-bench"] = [{"hashes": {"sha256": A}, "yanked": False}]
    url = registry.url.replace("//", "//me:secret%21@")

    first = run(checkout, PIP_INDEX_URL=url)
    second = run(checkout, PIP_INDEX_URL=url)

    assert (first.returncode, second.returncode) == (1, 1)
    assert first.stderr == second.stderr == "audit: x-dev 1: withdrawn: lost a letter\n"
    assert first.stdout == second.stdout == "audit: 8 packages are pinned by version and hash\n"
    assert sorted(path for path, _ in registry.asked) == sorted(
        [*(f"/simple/x-{name}/" for name in audit.SETS), "/simple/x-dev/"]
    )
    assert {who for _, who in registry.asked} == {"Basic bWU6c2VjcmV0IQ=="}


@pytest.mark.slow  # starts Python twice each time
def test_without_a_registry_it_says_so_and_what_is_not_pinned_still_fails(checkout: Path) -> None:
    skipped = "SKIPPED: whether 8 are withdrawn, the registry did not say"
    nobody = "http://127.0.0.1:1/simple"

    good = run(checkout, PIP_INDEX_URL=nobody)
    (checkout / "requirements/dev.txt").write_text("x-dev>=1\n")
    bad = run(checkout, PIP_INDEX_URL=nobody)

    assert (good.returncode, good.stderr, skipped in good.stdout) == (0, "", True)
    assert (bad.returncode, bad.stderr.count("\n")) == (1, 1)
    assert "requirements/dev.txt: x-dev>=1: expected one version" in bad.stderr


def test_only_an_answer_of_the_simple_api_counts(registry: LoopbackRegistry) -> None:
    known, unknown, page = (
        audit.Pinned(name=name, version="1", hashes=frozenset({A}))
        for name in ("A.b", "unknown", PAGE)
    )
    registry.files["a-b"] = [{"hashes": {"sha256": A}}]

    verdict = audit.ask([audit.Registry(url=registry.url)], [known, unknown, page])

    # What this index does not know another one of the configuration does.
    good = frozenset({"A.b 1", "unknown 1"})
    assert verdict == audit.Verdict(good=good, withdrawn=(), unanswered=1)
    assert audit.ask([], [known]).unanswered == 1
