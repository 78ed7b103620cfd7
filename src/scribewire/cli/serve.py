"""`scribewire serve`: settings from options and environment, then the server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.logs import configure_logs

if TYPE_CHECKING:
    from pydantic import ValidationError

    from scribewire.server.run import Address
    from scribewire.settings import Settings

LogLevel = Literal["debug", "info", "warning", "error"]
"""As `Settings.log_level`."""

ANY_HOST = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to reach it from here

_SOME_KEY = "Key that may connect; repeat it for more. Replaces SCRIBEWIRE_KEYS. None: one is made."

ModelDir = Annotated[
    Path | None,
    typer.Option(help="Folder with the model files.", show_default="those inside the dependencies"),
]
SpeakerModel = Annotated[
    Path | None,
    typer.Option(
        help="WeSpeaker or 3D-Speaker ONNX file that tells voices apart.",
        show_default="the one inside the dependencies",
    ),
]

CacheDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder for what is made of the model files once.",
        show_default="the user's cache",
    ),
]

Workers = Annotated[
    int | None, typer.Option(help="Threads that decode.", show_default="one for each core")
]
MaxSessions = Annotated[
    int | None,
    typer.Option(help="Sessions that may be open at once.", show_default="no limit"),
]
MaxFinalLatency = Annotated[
    int | None,
    typer.Option(
        help="New sessions are refused while finals would come later than this after the silence "
        "that ends them; 0 refuses none.",
        show_default="700",
    ),
]
MaxUtterance = Annotated[
    int | None,
    typer.Option(help="Speech without a pause is cut at this length.", show_default="15000"),
]
StartTimeout = Annotated[
    int | None,
    typer.Option(help="How long a session may take to send `start`.", show_default="15000"),
]
DrainTimeout = Annotated[
    int | None,
    typer.Option(
        help="How long sessions may take to end when the server stops.", show_default="30000"
    ),
]

AllowSource = Annotated[
    list[str] | None,
    typer.Option(
        help="Host or network (CIDR) of one's own that stream URLs may lead to; repeat it for "
        "more.",
        show_default="public addresses only",
    ),
]
DenySource = Annotated[
    list[str] | None,
    typer.Option(
        help="Host or network (CIDR) that stream URLs may never lead to; repeat it for more.",
        show_default="none",
    ),
]
SourceRetry = Annotated[
    int | None,
    typer.Option(
        help="How long a stream URL is tried again after it was lost.", show_default="300000"
    ),
]


def serve(  # noqa: PLR0913 - one option for each setting
    *,
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on; 0.0.0.0 for every network.", show_default="127.0.0.1"
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one.", show_default="8000")
    ] = None,
    key: Annotated[list[str] | None, typer.Option(help=_SOME_KEY, show_default=False)] = None,
    model_dir: ModelDir = None,
    cache_dir: CacheDir = None,
    speaker_model: SpeakerModel = None,
    workers: Workers = None,
    max_sessions: MaxSessions = None,
    max_final_latency_ms: MaxFinalLatency = None,
    allow_source: AllowSource = None,
    deny_source: DenySource = None,
    source_retry_ms: SourceRetry = None,
    max_utterance_ms: MaxUtterance = None,
    start_timeout_ms: StartTimeout = None,
    drain_timeout_ms: DrainTimeout = None,
    log_level: Annotated[
        LogLevel | None, typer.Option(help="How much is logged, on stderr.", show_default="info")
    ] = None,
) -> None:
    """Serve real-time speech-to-text over WebSockets, until Ctrl-C or SIGTERM.

    Sessions that are open then still get the finals of what was said.

    An option overrides the environment: --port overrides SCRIBEWIRE_PORT, and so on.
    """
    settings = read_settings(
        {
            "host": host,
            "port": port,
            "keys": tuple(key) if key else None,
            "model_dir": model_dir,
            "cache_dir": cache_dir,
            "speaker_model": speaker_model,
            "workers": workers,
            "max_sessions": max_sessions,
            "max_final_latency_ms": max_final_latency_ms,
            "allow_source": tuple(allow_source) if allow_source else None,
            "deny_source": tuple(deny_source) if deny_source else None,
            "source_retry_ms": source_retry_ms,
            "max_utterance_ms": max_utterance_ms,
            "start_timeout_ms": start_timeout_ms,
            "drain_timeout_ms": drain_timeout_ms,
            "log_level": log_level,
        }
    )
    configure_logs(settings.log_level)
    run_server(settings)


def read_settings(options: dict[str, object]) -> Settings:
    """Return the settings: options that are not None, then environment, then defaults."""
    from pydantic import ValidationError

    from scribewire.settings import Settings

    given = {name: value for name, value in options.items() if value is not None}
    try:
        settings = Settings.model_validate(given)  # what is not given comes from the environment
    except ValidationError as error:
        raise CommandFault(_explain(error), ExitCode.USAGE) from None
    if not all(settings.keys):
        raise CommandFault("--key: expected a key, found an empty text", ExitCode.USAGE)
    if settings.allow_source or settings.deny_source:
        _check_rules(settings)
    return settings


def _check_rules(settings: Settings) -> None:
    from scribewire.sources.addresses import parse_address_rule

    for option in ("allow_source", "deny_source"):
        try:
            for rule in getattr(settings, option):
                parse_address_rule(rule)
        except ValueError as error:
            raise CommandFault(f"--{option.replace('_', '-')}: {error}", ExitCode.USAGE) from None


def run_server(settings: Settings) -> None:
    """Serve with these settings; without a key among them, make one and show it."""
    from scribewire.keys.configured import make_key
    from scribewire.server.run import serve as serve_until_signal

    made_key = None if settings.keys else make_key()
    if made_key is not None:
        settings = settings.model_copy(update={"keys": (made_key,)})
    serve_until_signal(
        settings, on_listening=lambda address: typer.echo(announce(address, made_key))
    )


def announce(address: Address, made_key: str | None) -> str:
    """Return what is printed once the port is open: `name: value` lines, for programs too."""
    lines = [f"listening: {address.url}"]
    if made_key is not None:
        host = ANY_HOST.get(address.host, address.host)
        reachable = replace(address, host=host).url
        lines += [
            f"key: {made_key}",
            f"try: scribewire transcribe mic --server {reachable} --key KEY",
        ]
    return "\n".join(lines)


def _explain(error: ValidationError) -> str:
    """Say which option or variable is wrong, what it was and what is expected."""
    problems = []
    for problem in error.errors():
        name = str(problem["loc"][0])
        if name == "keys":
            problems.append("--key or SCRIBEWIRE_KEYS: expected keys separated by commas")
            continue
        option, variable = f"--{name.replace('_', '-')}", f"SCRIBEWIRE_{name.upper()}"
        expected = problem["msg"].removeprefix("Input should ").removeprefix("String should ")
        problems.append(f"{option} or {variable} is {problem['input']!s}: it should {expected}")
    return "; ".join(problems)
