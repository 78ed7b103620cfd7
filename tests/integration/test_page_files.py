"""The files of the captions page and the browser SDK need nobody else, wherever they are served."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import pytest

from scribewire.server.page import installed_page
from tests.parts.page_rules import links_in, problems_in

ROOT: Final = Path(__file__).parents[2]
FILES: Final = {file.path: file for file in installed_page()}
TEXTS: Final = {
    path: file.body.decode()
    for path, file in FILES.items()
    if file.media_type.endswith(("charset=utf-8", "svg+xml"))
}

BAD: Final = [
    ("a.html", "<script>run()</script>", "script without a file"),
    ("a.html", '<script src="page/a.js">run()</script>', "script inside"),
    ("a.html", '<script src="https://cdn.test/a.js"></script>', "another host"),
    ("a.html", '<link rel=stylesheet href="//cdn.test/a.css">', "another host"),
    ("a.html", '<img src=//cdn.test/a.png alt="">', "another host"),
    ("a.html", '<img srcset="a.png 1x, https://cdn.test/b.png 2x">', "another host"),
    ("a.html", "<style>p {}</style>", "<style>"),
    ("a.html", '<p style="color: red">', "attribute: style"),
    ("a.html", "<button onclick=run()>", "attribute: onclick"),
    ("a.html", '<a href=" JavaScript:run()">', "is a script"),
    ("a.html", '<base href="/">', "<base>"),
    ("a.html", '<meta http-equiv="refresh" content="0">', "attribute: http-equiv"),
    ("a.html", '<script type="module" src="/page/a.js"></script>', "from the root: /page/a.js"),
    ("a.svg", '<svg onload="run()"/>', "attribute: onload"),
    ("a.css", "p { background: url(https://cdn.test/a.png) }", "another host"),
    ("a.css", "p { background: url(//cdn.test/a.png) }", "another host"),
    ("a.css", '@import "/page/b.css";', "from the root: /page/b.css"),
    ("a.js", 'fetch("https://api.test/x")', "another host"),
    ("a.js", "new WebSocket(`wss://api.test/x`)", "another host"),
    ("a.js", 'import "//cdn.test/a.js"', "another host"),
    ("a.js", "p.innerHTML = text", "markup or code"),
    ("a.js", 'p.setAttribute("style", x)', "markup or code"),
    ("a.js", 'const accept = "audio/*"; eval(text); /* that */', "markup or code"),
    ("a.js", 'fetch("/v1/models")', "from the root"),
    ("a.js", 'import { a } from "/sdk/a.js"', "from the root: /sdk/a.js"),
]
GOOD: Final = [
    ("a.html", '<script type="module" src="page/a.js"></script><a href="#main">on</a>'),
    ("a.html", '<svg xmlns="http://www.w3.org/2000/svg"><use href="#mark"/></svg>'),
    ("a.css", "/* https://spec.test */ p { mask: url(data:image/svg+xml,x) }"),
    ("a.js", "// https://spec.test says: element.innerHTML\nexport const a = 1 / 2;"),
    ("a.js", 'throw new Error("expected wss://stt.example")'),
    ("a.js", "const place = `wss://${host}/v2/realtime`"),
]


@pytest.mark.parametrize("path", TEXTS)
def test_no_file_reaches_another_host_or_runs_what_stands_in_it(path: str) -> None:
    name = "index.html" if path == "/" else path

    assert problems_in(name, TEXTS[path]) == []


@pytest.mark.parametrize(("name", "text", "problem"), BAD)
def test_what_does_is_found(name: str, text: str, problem: str) -> None:
    problems = problems_in(name, text)

    assert any(problem in found for found in problems), problems


@pytest.mark.parametrize(("name", "text"), GOOD)
def test_what_is_harmless_is_let_be(name: str, text: str) -> None:
    assert problems_in(name, text) == []


@pytest.mark.parametrize("below", ["/", "/captions/", "/a/b/"])
def test_every_link_leads_to_a_file_of_the_page_wherever_it_is_served(below: str) -> None:
    seen, waiting = set[str](), [below]
    while waiting:
        asked = waiting.pop()
        assert asked.startswith(below)
        path = f"/{asked.removeprefix(below)}"
        assert path in FILES, asked
        if path in seen or path not in TEXTS:
            continue
        seen.add(path)
        name = "index.html" if path == "/" else path
        waiting += [urljoin(asked, link) for link in links_in(name, TEXTS[path])]

    assert {path.split("/")[1] for path in seen} == {"", "page", "sdk"}


@pytest.mark.slow  # builds the package
def test_the_wheel_has_the_page_and_serves_it(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(
        [*build, "--directory", str(tmp_path)], cwd=ROOT, check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "installed")

    program = (
        "import json, sys; sys.path.insert(0, sys.argv[1]);"
        "from scribewire.server.page import installed_page;"
        "print(json.dumps({file.path: file.digest for file in installed_page()}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "installed")],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )

    assert json.loads(done.stdout) == {
        path: hashlib.sha256(file.body).hexdigest()[:32] for path, file in FILES.items()
    }
    assert (tmp_path / "installed/scribewire/web/index.html").is_file()
    assert not (tmp_path / "installed/web").exists()
