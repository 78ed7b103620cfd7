"""A real PostgreSQL for as long as tests need one: its own folder, port and password.

with run_postgresql() as postgresql:
    ... postgresql.new_database() ...
    postgresql.kill()
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from scribewire.errors import ServerFault
from tests.parts.installed import find_part
from tests.parts.programs import END_PATIENCE_S, START_PATIENCE_S, find_free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

_USER = "scribe"
_POLL_S = 0.02


@dataclass
class PostgreSql:
    """A running server."""

    folder: Path
    port: int
    password: str = field(repr=False)
    process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self, database: str) -> str:
        """Return the address of a database."""
        return f"postgresql://{_USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Return the address of a database that is empty."""
        name = f"keys_{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def start(self) -> None:
        """Start it, and wait until it answers. Raises ServerFault."""
        program = find_part("postgres")
        options = [f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories="]
        options += ["fsync=off", "max_connections=40"]  # of a machine that does not lose power
        command = [program, "-D", str(self.folder / "data")]
        command += [part for option in options for part in ("-c", option)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=_lesser_user(),
            )
        patience = time.monotonic() + START_PATIENCE_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > patience:
                raise ServerFault(f"PostgreSQL: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(_POLL_S)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """End it, and with it every connection; `start` brings it back."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(END_PATIENCE_S)

    def _answers(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url("postgres")):
            return True
        return False


def _lesser_user() -> str | None:
    """Return whom a program runs as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    return "postgres" if any(one.pw_name == "postgres" for one in pwd.getpwall()) else "nobody"


@contextlib.contextmanager
def run_postgresql() -> Iterator[PostgreSql]:
    """Run a server on a free port of loopback. Raises ServerFault when it does not start."""
    # Not in pytest's folder: that is closed to others, and it may run as somebody else.
    with tempfile.TemporaryDirectory(prefix="scribewire-postgresql-") as name:
        server = PostgreSql(Path(name), find_free_port(), secrets.token_urlsafe())
        lesser = _lesser_user()
        (server.folder / "password").write_text(server.password)
        if lesser:
            shutil.chown(server.folder, lesser)
            shutil.chown(server.folder / "password", lesser)
        command = [find_part("initdb"), "-D", str(server.folder / "data"), "-U", _USER]
        command += ["--pwfile", str(server.folder / "password"), "--auth=scram-sha-256"]
        command += ["--no-sync", "--encoding=UTF8", "--locale=C"]
        subprocess.run(command, check=True, capture_output=True, cwd=server.folder, user=lesser)
        try:
            server.start()
            yield server
        finally:
            if server.process is not None and server.process.poll() is None:
                server.stop()
