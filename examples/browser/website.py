"""A small website with captions: it serves this folder, and makes a token for each visitor.

    SCRIBEWIRE_KEY=... python examples/browser/website.py http://127.0.0.1:8000

It is at http://127.0.0.1:8080, or at the port that follows the address. The captioning server must
let its pages in: scribewire serve --allow-origin http://127.0.0.1:8080
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(__file__).parent
SDK = FOLDER.parents[1] / "sdk/browser/src"  # or node_modules/scribewire/src
PATIENCE_S = 5


class Website(SimpleHTTPRequestHandler):
    """Answers the browsers of visitors."""

    def __init__(self, *given: object, server_url: str, key: str) -> None:
        self._server_url = server_url
        self._key = key
        super().__init__(*given, directory=str(FOLDER))  # type: ignore[arg-type]  # as they came

    def do_POST(self) -> None:
        """Make a token. A real site looks first who asks, and how often."""
        # A page of another site may send this too, but no browser lets it read the answer.
        if self.path != "/caption-token":
            self.send_error(404)
            return
        try:
            token = self._make_token()
        except OSError as error:  # the server is not there, or refuses the key
            self.send_error(502, str(error))
            return
        self._answer(json.dumps({"token": token}).encode())

    def translate_path(self, path: str) -> str:
        """Take the SDK from where it is."""
        if path.startswith("/scribewire/"):
            return str(SDK / Path(path.partition("?")[0]).name)
        return super().translate_path(path)

    def log_message(self, *_: object) -> None:
        """Keep quiet: who visits is nobody's business."""

    def _make_token(self) -> str:
        wishes = {
            "expires_in_s": 60,  # to begin: what has begun goes on
            "single_use": True,
            "origins": [f"http://{self.headers['Host']}"],
        }
        request = urllib.request.Request(  # noqa: S310 - the operator's own address
            f"{self._server_url}/v1/tokens",
            data=json.dumps(wishes).encode(),
            headers={"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
            return str(json.load(answer)["token"])

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(server_url: str, key: str, port: int) -> None:
    """Serve until it is interrupted."""
    answer = partial(Website, server_url=server_url.rstrip("/"), key=key)
    with ThreadingHTTPServer(("127.0.0.1", port), answer) as server:
        print(f"website: http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or not os.environ.get("SCRIBEWIRE_KEY"):
        sys.exit("usage: SCRIBEWIRE_KEY=... website.py http://HOST:PORT [PORT]")
    try:
        main(sys.argv[1], os.environ["SCRIBEWIRE_KEY"], int(sys.argv[2]) if sys.argv[2:] else 8080)
    except KeyboardInterrupt:
        sys.exit(130)
