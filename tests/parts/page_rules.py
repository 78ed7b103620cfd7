"""What files of a web page lead to, and what in them the page's own policy would forbid."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

Attributes = list[tuple[str, str | None]]

LEADING: Final = frozenset({"action", "data", "formaction", "href", "poster", "src", "xlink:href"})
FOREIGN: Final = frozenset({"base", "embed", "frame", "iframe", "object", "portal", "style"})

# Names that nobody has (RFC 2606), this machine, and what is put in at run time.
_NOWHERE: Final = re.compile(r"(\S+\.)?example(:\d+)?|localhost(:\d+)?|127\.0\.0\.1(:\d+)?|\$\{.*")
_ADDRESS: Final = re.compile(r"(?:\b(?:https?|wss?|ftp):|[\"'`(=]\s*)//([^\s\"'`/?#)<>]+)")
_NAMESPACE: Final = re.compile(r"http://www\.w3\.org/(?:2000/svg|1999/xlink|1999/xhtml)\b")

# Texts are kept, comments go; a style sheet has none to the end of the line.
_TEXT: Final = r"""("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)"""
_TOKENS: Final = {
    "css": re.compile(rf"{_TEXT}|/\*.*?\*/", re.DOTALL),
    "js": re.compile(rf"{_TEXT}|/\*.*?\*/|//[^\n]*", re.DOTALL),
}
_MODULE: Final = re.compile(
    r"""\b(?:import|from)\s*\(?\s*["']([^"']+)["']"""
    r"""|\bnew\s+URL\(\s*["']([^"']+)["'],\s*import\.meta\.url"""
)
_SINK: Final = re.compile(
    r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new\s+Function|srcdoc)\b"
    r"""|setAttribute\(\s*["'`](?:style|on\w+)\b"""
)
_FROM_ROOT: Final = re.compile(
    r"""\b(?:fetch|URL|WebSocket|Worker|SharedWorker|addModule|import|open)\(\s*["'`]/"""
)
_OF_A_SHEET: Final = re.compile(r"""(?:url\(\s*|@import\s+)["']?([^"')\s]+)""")


def links_in(name: str, text: str) -> list[str]:
    """Return what a file leads to that comes with the page, as it is written there."""
    match name.rpartition(".")[2]:
        case "html" | "svg":
            found = _read(text).links
        case "css":
            found = _OF_A_SHEET.findall(_without_comments("css", text))
        case "js":
            found = [a or b for a, b in _MODULE.findall(_without_comments("js", text))]
        case _:
            found = []
    return [link for link in found if not link.startswith(("#", "data:"))]


def problems_in(name: str, text: str) -> list[str]:
    """Return what in a file reaches beyond the page, or would have to be allowed first."""
    kind = name.rpartition(".")[2]
    bare = _NAMESPACE.sub("", _without_comments(kind, text) if kind in _TOKENS else text)
    problems = [
        f"address of another host: {found[0]}"
        for found in _ADDRESS.finditer(bare)
        if not _NOWHERE.fullmatch(found[1])
    ]
    problems += [f"link from the root: {link}" for link in links_in(name, text) if link[0] == "/"]
    if kind in ("html", "svg"):
        problems += _read(text).problems
    if kind == "js":
        problems += [f"text becomes markup or code: {found[0]}" for found in _SINK.finditer(bare)]
        problems += [f"link from the root: {found[0]}" for found in _FROM_ROOT.finditer(bare)]
    return problems


class _Markup(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.problems: list[str] = []
        self._is_in_script = False

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        given = dict(attrs)
        self._is_in_script = tag == "script"
        self.problems += _problems_of(tag, given)
        if tag != "a":  # which leads away only when somebody follows it
            self.links += [value for name, value in attrs if name in LEADING and value]
        for one in (given.get("srcset") or "").split(","):
            self.links += one.split()[:1]

    def handle_startendtag(self, tag: str, attrs: Attributes) -> None:
        self.handle_starttag(tag, attrs)
        self._is_in_script = False

    def handle_endtag(self, tag: str) -> None:
        self._is_in_script = False

    def handle_data(self, data: str) -> None:
        if self._is_in_script and data.strip():
            self.problems.append(f"script inside: {data.strip()[:40]}")


def _problems_of(tag: str, given: dict[str, str | None]) -> Iterator[str]:
    if tag in FOREIGN:
        yield f"element: <{tag}>"
    if tag == "script" and not given.get("src"):
        yield "script without a file"
    for name, value in given.items():
        if name == "style" or name.startswith("on") or name in ("http-equiv", "srcdoc", "ping"):
            yield f"attribute: {name}"
        if (value or "").strip().lower().startswith(("javascript:", "vbscript:")):
            yield f"attribute that is a script: {name}"


def _read(text: str) -> _Markup:
    markup = _Markup()
    markup.feed(text)
    markup.close()
    return markup


def _without_comments(kind: str, text: str) -> str:
    return _TOKENS[kind].sub(lambda found: found[1] or " ", text)
