"""`scribewire engine`: the models in a process of their own, for several servers of a machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scribewire.cli.logs import configure_logs, log_what_nobody_catches
from scribewire.cli.options import Given, read_settings, with_settings
from scribewire.cli.serve import print_announcement


@with_settings(
    "model_dir",
    "cache_dir",
    "languages",
    "default_language",
    "models",
    "device",
    "preload",
    "speaker_model",
    "workers",
    "batch_window_ms",
    "log_level",
    "log_format",
)
def engine(
    settings: Given,
    *,
    socket: Annotated[
        Path,
        typer.Option(
            help="Where servers find it: a path in a folder of this user's own.",
            show_default=False,
        ),
    ],
) -> None:
    """Hold the models once for all servers of this machine, until Ctrl-C or SIGTERM.

    Each server is started with --engine-socket and the same path, as the same
    user and with the same settings for models. It keeps its sessions, and
    finds out where speech is; what is said, and by whom, is asked here. A GPU
    then holds each model once, and has calls of all servers in its batches.

    Without it sessions fail, and new ones are refused, until it is there
    again.
    """
    from scribewire.server.engine_process import serve_engines

    chosen = read_settings(settings)
    configure_logs(chosen.log_level, chosen.log_format)
    log_what_nobody_catches()
    serve_engines(
        chosen, socket, on_listening=lambda path: print_announcement(f"listening: {path}")
    )
