"""nginx and Caddy in front of a server, by the configuration files that we ship.

Only what a site has to change is changed: the name, the ports, and where the certificate lies.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from tests.parts.installed import find_part
from tests.parts.programs import Program, find_free_port

DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"

_MOVED: Final = "proxy_pass http://scribewire/;"  # the slash takes the location's path away

_NGINX: Final = """\
daemon off;
{user}pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def changed(text: str, **values: str) -> str:
    """Return a shipped file with what a site has to change; each must be there."""
    for shipped, own in values.items():
        assert shipped in text, shipped
        text = text.replace(shipped, own)
    return text


@contextlib.asynccontextmanager
async def run_nginx(
    folder: Path, *, server_port: int, pem: Path, below: str = "/"
) -> AsyncIterator[int]:
    """Run it on a free port of loopback; `pem` holds key and certificate. Returns the port.

    The server is at the path `below`, as docs/deployment.md says.
    """
    port = find_free_port()
    moved = {"location / {": f"location {below} {{", "proxy_pass http://scribewire;": _MOVED}
    site = changed(
        (DEPLOY / "nginx.conf").read_text("utf-8"),
        **(moved if below != "/" else {}),
        **{
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "server_name captions.example": "server_name 127.0.0.1",
            "127.0.0.1:8000": f"127.0.0.1:{server_port}",
            "/etc/ssl/captions.example.pem": str(pem),
            "/etc/ssl/private/captions.example.key": str(pem),
        },
    )
    (folder / "site.conf").write_text(site, "utf-8")
    user = "user root;\n" if os.geteuid() == 0 else ""  # else its workers cannot enter the folder
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, user=user), "utf-8")
    command = [find_part("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    async with _running(command, folder / "nginx.log", port):
        yield port


@contextlib.asynccontextmanager
async def run_caddy(
    folder: Path, *, server_port: int, pem: Path, below: str = "/"
) -> AsyncIterator[int]:
    """Run it on a free port of loopback; `pem` holds key and certificate. Returns the port.

    The server is at the path `below`, as docs/deployment.md says.
    """
    port = find_free_port()
    bare = below.rstrip("/")
    proxied = "\treverse_proxy 127.0.0.1:8000 {"
    moved = {proxied: f"\tredir {bare} {below}\n\turi strip_prefix {bare}\n{proxied}"}
    site = changed(
        (DEPLOY / "Caddyfile").read_text("utf-8"),
        **(moved if below != "/" else {}),
        **{
            "\tlog {": "\tadmin off\n\tauto_https off\n\tlog {",
            "captions.example {": f"https://127.0.0.1:{port} {{\n\ttls {pem} {pem}",
            "127.0.0.1:8000": f"127.0.0.1:{server_port}",
        },
    )
    (folder / "Caddyfile").write_text(site, "utf-8")
    command = [find_part("caddy"), "run", "--adapter", "caddyfile"]
    command += ["--config", str(folder / "Caddyfile")]
    async with _running(command, folder / "caddy.log", port):
        yield port


@contextlib.asynccontextmanager
async def _running(command: list[str], log: Path, port: int) -> AsyncIterator[None]:
    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    home = {"HOME": str(log.parent), "XDG_DATA_HOME": str(log.parent)}
    program = await Program.start(command, log, environment={**os.environ, **home})
    try:
        await program.wait_until(listens)
        yield
    finally:
        await program.end()
