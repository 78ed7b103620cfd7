"""Hold the locked requirements to an install that can be repeated and that its publishers stand by.

Every line of requirements/ names one version and the hashes of its files, every entry of the tests'
npm lock its integrity. The package registry that pip is configured for is asked whether a locked
file was withdrawn ("yanked"), and nobody else is; where it cannot be asked, that is said, and the
rest holds. A good answer counts for a day, so most runs ask nothing.
"""

from __future__ import annotations

import ast
import base64
import json
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

# pip tells nowhere else which registry it asks where none is configured.
from pip._internal.models.index import PyPI

ROOT: Final = Path(__file__).resolve().parents[1]
SETS: Final = (
    "runtime",
    "postgresql",
    "cluster",
    "cuda",
    "whisper-base",
    "whisper-base-mirror",
    "dev",
    "bench",
)
"""The locks, what is shipped first: where time runs out, it has been asked about."""
NPM_LOCK: Final = "tests/parts/package-lock.json"
REMEMBERED: Final = ".venv/audited.json"

_PINNED = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(\[[\w,-]+\])?==(?P<version>[^\s;*,]+)(\s*;.*)?")
_HASH = re.compile(r"\s--hash=sha256:([0-9a-f]{64})(?=\s|$)")
_SIMPLE: Final = "application/vnd.pypi.simple.v1+json"  # PEP 691
_GOOD_FOR_S: Final = 24 * 3600.0
_PATIENCE_S: Final = 8.0  # for all questions: a check that takes longer is left out
_AT_ONCE: Final = 16  # questions; more are no faster from one machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """One version of one package, and the files that may be installed for it."""

    name: str
    version: str
    hashes: frozenset[str]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What one requirements file holds, and what is wrong with it."""

    pinned: tuple[Pinned, ...]
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """A package index that answers in JSON."""

    url: str
    authorities: str | None = None
    """PEM file with whom to believe; without it those of the system."""

    def withdrawn(self, package: Pinned, *, until: float) -> str | None:
        """Return why a locked file was withdrawn; None if none was, or none is known here.

        Raises OSError where the registry does not answer, in JSON, until that time.
        """
        request = Request(self._address(package), headers=self._header())  # noqa: S310 - see `read_registries`
        context = ssl.create_default_context(cafile=self.authorities)
        try:
            timeout = max(0.01, until - time.monotonic())
            with urlopen(request, timeout=timeout, context=context) as answer:  # noqa: S310
                return withdrawn(json.load(answer)["files"], package)
        except HTTPError as refusal:
            if refusal.code == 404:  # another index of the configuration has it
                return None
            raise
        except (HTTPException, KeyError, ValueError) as fault:
            raise OSError(f"the answer is not of the simple API: {fault}") from fault

    def _address(self, package: Pinned) -> str:
        parts = urlsplit(self.url)
        place = parts._replace(netloc=parts.netloc.rpartition("@")[2])
        name = re.sub(r"[-_.]+", "-", package.name).lower()  # PEP 503
        return f"{place.geturl().rstrip('/')}/{name}/"

    def _header(self) -> dict[str, str]:
        who, has_user, _ = urlsplit(self.url).netloc.rpartition("@")
        if not has_user:
            return {"Accept": _SIMPLE}
        token = base64.b64encode(unquote(who).encode()).decode()
        return {"Accept": _SIMPLE, "Authorization": f"Basic {token}"}


def read_lock(text: str) -> Lock:
    """Read a requirements file: lines that go on after a backslash are one."""
    pinned, faults = [], []
    lines = re.sub(r"\\\r?\n", " ", text).splitlines()
    for line in (line.strip() for line in lines):
        if not line or line.startswith("#"):
            continue
        wanted = re.split(r"\s--hash", line, maxsplit=1)[0].strip()
        found = _PINNED.fullmatch(wanted)
        hashes = frozenset(_HASH.findall(line))
        if found is None:
            faults.append(f"{wanted}: expected one version, as `name==1.2`")
        elif not hashes:
            faults.append(f"{wanted}: expected the hashes of its files; run scripts/lock")
        else:
            pinned.append(Pinned(name=found["name"], version=found["version"], hashes=hashes))
    return Lock(pinned=tuple(pinned), faults=tuple(faults))


def npm_faults(text: str) -> list[str]:
    """Return the entries of an npm lock that any file would do for."""
    packages: dict[str, dict[str, str]] = json.loads(text)["packages"]
    return [
        f"{path}: expected its version and integrity"
        for path, entry in packages.items()
        if path and not {"version", "integrity"} <= entry.keys()
    ]


def withdrawn(files: Iterable[Mapping[str, object]], package: Pinned) -> str | None:
    """Return why one of the locked files was withdrawn, from what PEP 691 says of all files."""
    for file in files:
        hashes = file.get("hashes")
        is_locked = isinstance(hashes, dict) and hashes.get("sha256") in package.hashes
        yanked = file.get("yanked", False)
        if is_locked and yanked is not False:
            return str(yanked) if isinstance(yanked, str) and yanked else "no reason given"
    return None


def read_registries(configuration: str) -> list[Registry]:
    """Return the registries that `pip config list` names; folders are none."""
    options = dict(_options(configuration))
    if options.get("no-index", "").lower() in {"1", "true", "yes", "on"}:
        return []
    urls = [options.get("index-url", PyPI.simple_url), *options.get("extra-index-url", "").split()]
    return [
        Registry(url=url, authorities=options.get("cert"))
        for url in urls
        if urlsplit(url).scheme in {"http", "https"}
    ]


def _options(configuration: str) -> Iterator[tuple[str, str]]:
    """Yield options by name; later ones win, as pip has it: global, install, environment."""
    for section in ("global", "install", ":env:"):
        for line in configuration.splitlines():
            key, _, value = line.partition("=")
            if key.startswith(f"{section}."):
                yield key.removeprefix(f"{section}."), str(ast.literal_eval(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the registries said of some packages."""

    good: frozenset[str]
    withdrawn: tuple[str, ...]
    unanswered: int


def ask(
    registries: Iterable[Registry], packages: Iterable[Pinned], *, patience_s: float = _PATIENCE_S
) -> Verdict:
    """Ask about each package, many at once, and go without those whose answer takes too long."""
    registries = list(registries)
    until = time.monotonic() + patience_s

    def judge(package: Pinned) -> tuple[Pinned, str | None, bool]:
        if not registries or time.monotonic() >= until:
            return package, None, False
        try:
            reasons = [registry.withdrawn(package, until=until) for registry in registries]
        except OSError:
            return package, None, False
        return package, next((reason for reason in reasons if reason), None), True

    with ThreadPoolExecutor(_AT_ONCE) as askers:
        answers = list(askers.map(judge, packages))
    return Verdict(
        good=frozenset(str(package) for package, reason, came in answers if came and not reason),
        withdrawn=tuple(
            f"{package}: withdrawn: {reason}" for package, reason, _ in answers if reason
        ),
        unanswered=sum(not came for _, _, came in answers),
    )


def audit(root: Path, registries: Iterable[Registry], *, now: float) -> tuple[list[str], str]:
    """Return what is wrong with the locks below `root`, and a line about all of them."""
    locks = {name: read_lock((root / f"requirements/{name}.txt").read_text()) for name in SETS}
    faults = [f"requirements/{name}.txt: {fault}" for name in SETS for fault in locks[name].faults]
    faults += [f"{NPM_LOCK}: {fault}" for fault in npm_faults((root / NPM_LOCK).read_text())]
    # A dict keeps the order: what is shipped comes first.
    packages = dict.fromkeys(package for name in SETS for package in locks[name].pinned)
    remembered = _recall(root / REMEMBERED, now)
    verdict = ask(registries, [one for one in packages if str(one) not in remembered])
    _remember(root / REMEMBERED, remembered | dict.fromkeys(verdict.good, now))
    said = f"{len(packages)} packages are pinned by version and hash"
    if verdict.unanswered:
        said += f"; SKIPPED: whether {verdict.unanswered} are withdrawn, the registry did not say"
    return [*faults, *verdict.withdrawn], said


def _recall(path: Path, now: float) -> dict[str, float]:
    try:
        known: dict[str, float] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return {name: asked for name, asked in known.items() if 0 <= now - asked < _GOOD_FOR_S}


def _remember(path: Path, known: Mapping[str, float]) -> None:
    if path.parent.is_dir():
        path.write_text(json.dumps(known))


def main() -> int:
    """Audit the locks of this checkout; tell what is wrong, and fail if anything is."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    configuration = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    faults, summary = audit(ROOT, read_registries(configuration), now=time.time())
    for fault in faults:
        print(f"audit: {fault}", file=sys.stderr)
    print(f"audit: {summary}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
