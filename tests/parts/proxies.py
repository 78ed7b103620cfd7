"""nginx, Caddy, HAProxy and Envoy in front of servers, by the configuration files that we ship.

Only what a site has to change is changed: the name, the ports, and where the certificate lies.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from tests.parts.installed import find_part
from tests.parts.programs import Program, find_free_port

DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"

_MOVED: Final = "proxy_pass http://scribewire/;"  # the slash takes the location's path away

_NGINX_SERVER: Final = "    server 127.0.0.1:8000 max_fails=1 fail_timeout=5s;\n"

_HAPROXY_BIND: Final = (
    "bind :443 ssl crt /etc/ssl/private/captions.example.pem ssl-min-ver TLSv1.2 alpn http/1.1"
)
_HAPROXY_SERVERS: Final = """\
    server one 127.0.0.1:8001
    server two 127.0.0.1:8002
    server three 127.0.0.1:8003
"""

_ENVOY_SERVER: Final = (
    f"{' ' * 14}- endpoint: {{ address: {{ socket_address: "
    "{ address: 127.0.0.1, port_value: 8001 } } }\n"
)
_ENVOY_SERVERS: Final = "".join(
    _ENVOY_SERVER.replace("8001", port) for port in ("8001", "8002", "8003")
)

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
    folder: Path, *, server_ports: Sequence[int], pem: Path, below: str = "/"
) -> AsyncIterator[int]:
    """Run it on a free port of loopback; `pem` holds key and certificate. Returns the port.

    The servers are at the path `below`, as docs/deployment.md says.
    """
    port = find_free_port()
    moved = {"location / {": f"location {below} {{", "proxy_pass http://scribewire;": _MOVED}
    site = changed(
        (DEPLOY / "nginx.conf").read_text("utf-8"),
        **(moved if below != "/" else {}),
        **{
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "server_name captions.example": "server_name 127.0.0.1",
            _NGINX_SERVER: "".join(_NGINX_SERVER.replace("8000", str(one)) for one in server_ports),
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
    folder: Path, *, server_ports: Sequence[int], pem: Path, below: str = "/"
) -> AsyncIterator[int]:
    """Run it on a free port of loopback; `pem` holds key and certificate. Returns the port.

    The server is at the path `below`, as docs/deployment.md says.
    """
    (server_port,) = server_ports  # its file is for one
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
async def run_haproxy(
    folder: Path, *, server_ports: Sequence[int], pem: Path | None = None
) -> AsyncIterator[int]:
    """Run it on a free port of loopback, with TLS if there is a key with certificate."""
    port = find_free_port()
    secured = f" ssl crt {pem} ssl-min-ver TLSv1.2 alpn http/1.1"
    servers = (f"    server at{one} 127.0.0.1:{one}\n" for one in server_ports)
    site = changed(
        (DEPLOY / "haproxy.cfg").read_text("utf-8"),
        **{
            _HAPROXY_BIND: f"bind 127.0.0.1:{port}{secured if pem else ''}",
            _HAPROXY_SERVERS: "".join(servers),
        },
    )
    (folder / "haproxy.cfg").write_text(site, "utf-8")
    command = [find_part("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]
    async with _running(command, folder / "haproxy.log", port):
        yield port


@contextlib.asynccontextmanager
async def run_envoy(folder: Path, *, server_ports: Sequence[int], pem: Path) -> AsyncIterator[int]:
    """Run it on a free port of loopback; `pem` holds key and certificate. Returns the port."""
    port = find_free_port()
    site = changed(
        (DEPLOY / "envoy.yaml").read_text("utf-8"),
        **{
            "address: 0.0.0.0, port_value: 443": f"address: 127.0.0.1, port_value: {port}",
            "/etc/ssl/captions.example.pem": str(pem),
            "/etc/ssl/private/captions.example.key": str(pem),
            _ENVOY_SERVERS: "".join(
                _ENVOY_SERVER.replace("8001", str(one)) for one in server_ports
            ),
        },
    )
    (folder / "envoy.yaml").write_text(site, "utf-8")
    command = [find_part("envoy"), "--config-path", str(folder / "envoy.yaml")]
    command += ["--disable-hot-restart", "--concurrency", "1"]  # beside others; on few cores
    async with _running(command, folder / "envoy.log", port):
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
