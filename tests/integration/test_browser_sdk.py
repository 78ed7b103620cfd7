"""The browser SDK: its own tests in Node and in Chromium, its types, its size, its resampler."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
import soxr

from tests.parts.browser import open_context, run_browser
from tests.parts.installed import PartMissing, find_part, need_part, skip_or_fail

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from playwright.async_api import Route

pytestmark = pytest.mark.slow

ROOT: Final = Path(__file__).parents[2]
SDK: Final = ROOT / "sdk/browser"
MOST_BYTES: Final = 12_000
# These need no file system and no server of their own.
TESTED_ANYWHERE: Final = ("vectors", "parts", "resuming", "transcript", "resampler")
IN_PLACE: Final = {
    "node:test": "/sdk/browser/tests/chromium/test.js",
    "node:assert/strict": "/sdk/browser/tests/chromium/assert.js",
    "/sdk/browser/tests/vector_files.js": "/sdk/browser/tests/chromium/vector_files.js",
}
HOST: Final = "http://files.localhost"


def run(*command: str, given: bytes = b"") -> bytes:
    """Run a program of Node's in the SDK's folder, and return what it prints."""
    need_part("node")
    if not (SDK / "node_modules").is_dir():
        remedy = "run `npm ci --prefix sdk/browser --ignore-scripts`"
        skip_or_fail(PartMissing(f"what checks the SDK is missing: {remedy}"), os.environ)
    done = subprocess.run(
        [find_part("node"), *command], cwd=SDK, input=given, capture_output=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()[-4000:]
    return done.stdout


@pytest.mark.parametrize("project", [SDK, ROOT / "web"], ids=["sdk", "page"])
def test_the_types_hold(project: Path) -> None:
    run("node_modules/.bin/tsc", "--project", str(project / "tsconfig.json"))


def test_its_own_tests_pass_in_node() -> None:
    tests = [str(path) for path in sorted((SDK / "tests").glob("*.test.js"))]

    printed = run("--test", "--test-reporter=tap", *tests).decode()

    assert int(re.findall(r"^# pass (\d+)$", printed, re.MULTILINE)[-1]) > 330
    assert "# skipped 0" in printed


async def test_they_pass_in_chromium() -> None:
    async with run_browser() as browser, open_context(browser) as visit:
        await visit.context.route(f"{HOST}/**", serve_file)
        page = await visit.open(f"{HOST}/tests.html")

        told = await page.evaluate(
            """async (modules) => {
                // A page is loaded before modules that wait for something have told their tests.
                await Promise.all(modules.map((module) => import(module)));
                return (await import("/sdk/browser/tests/chromium/test.js")).runAll();
            }""",
            [module_of(name) for name in TESTED_ANYWHERE],
        )

    assert told["failures"] == []
    assert told["count"] > 300


def module_of(name: str) -> str:
    return f"/sdk/browser/tests/{name}.test.js"


async def serve_file(route: Route) -> None:
    """Answer with a file of the checkout, or with the page that loads the tests."""
    path = route.request.url.removeprefix(f"{HOST}/").partition("?")[0]
    if path == "tests.html":
        scripts = [
            f'<script type="module" src="{module_of(name)}"></script>' for name in TESTED_ANYWHERE
        ]
        mapped = f'<script type="importmap">{json.dumps({"imports": IN_PLACE})}</script>'
        icon = '<link rel="icon" href="/web/icon.svg">'
        await route.fulfill(content_type="text/html", body="".join([icon, mapped, *scripts]))
    elif path == "vectors.json":
        vectors = sorted(path.name for path in (ROOT / "protocol/vectors").iterdir())
        await route.fulfill(json=vectors)
    else:
        await route.fulfill(path=ROOT / path)


def test_its_main_module_is_small(tmp_path: Path) -> None:
    run("node_modules/.bin/tsc", "--project", "tsconfig.size.json", "--outDir", str(tmp_path))

    seen: dict[str, bytes] = {}
    to_read = ["index.js"]
    while to_read:
        name = to_read.pop()
        if name not in seen:
            seen[name] = (tmp_path / name).read_bytes()
            to_read += re.findall(r'from "\./([\w.]+)"', seen[name].decode())

    assert "resampler.js" not in seen
    assert len(gzip.compress(b"".join(seen[name] for name in sorted(seen)))) < MOST_BYTES


# Its resampler, beside that of SoX.

RATE: Final = 48_000
RESAMPLE: Final = """
import { Resampler } from "./src/resampler.js";
const pieces = [];
for await (const piece of process.stdin) pieces.push(piece);
const given = new Uint8Array(Buffer.concat(pieces));
const samples = new Float32Array(given.buffer);
const write = (made) => process.stdout.write(new Uint8Array(made.slice().buffer));
const resampler = new Resampler(RATE);
for (let start = 0; start < samples.length; start += 128) {
  write(resampler.push(samples.subarray(start, start + 128)));
}
write(resampler.flush());
"""


def resampled(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    script = RESAMPLE.replace("RATE", str(RATE))
    made = run("--input-type=module", "--eval", script, given=samples.tobytes())
    return np.frombuffer(made, np.float32)


def level_db(samples: NDArray[np.float32]) -> float:
    """Return the level beside that of a full sine."""
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) * 2 + 1e-20))


def test_a_sweep_comes_out_as_that_of_sox() -> None:
    seconds, end_hz = 6.0, 23_500.0
    times = np.arange(round(seconds * RATE)) / RATE
    sweep = np.sin(np.pi * end_hz / seconds * times**2).astype(np.float32)  # its pitch rises evenly

    ours, theirs = resampled(sweep), soxr.resample(sweep, RATE, 16_000, quality="HQ")

    def until(hz: float) -> int:
        return round(hz / end_hz * seconds * 16_000)

    assert len(ours) == len(theirs)
    assert level_db(ours[: until(6_800)] - theirs[: until(6_800)]) < -60
    # Above half the rate all that comes out is aliasing.
    assert level_db(ours[until(8_200) :]) < -60
    # The passing band is flat to the last: a click would be steeper than any sine there.
    steps = np.abs(np.diff(ours[: until(6_800)], n=2))
    assert steps.max() < 1.02 * np.abs(np.diff(theirs[: until(6_800)], n=2)).max()
