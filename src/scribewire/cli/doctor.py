"""`scribewire doctor`: what is wrong with this installation, and what to do about it."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Annotated, Final

import typer

from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.cli.options import Format, meaning_of, read_values, variable_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scribewire.cli.checks import Check, Status
    from scribewire.engines.languages import LanguageTable
    from scribewire.settings import Settings

_COLOURS: Final[dict[Status, str]] = {"ok": "green", "warning": "yellow", "failed": "red"}


def doctor(
    *,
    output: Annotated[
        Format, typer.Option("--format", help="Lines of text, or one JSON object.")
    ] = "text",
) -> None:
    """Check this installation, and say what is wrong and what to do.

    Looks at the settings of the environment, the models and which language
    each would serve, the cache, the process that decodes stream URLs and
    whether it is kept from the network, and at what the machine gives: cores,
    open files, certificates. Connects to nothing.

    Each line says ok, warning (it runs, and less well) or failed. One that
    failed makes exit code 1. Behind them are the limits in force.
    """
    try:
        checks, table, settings = asyncio.run(examine())
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if output == "json":
        typer.echo(json.dumps(describe(checks, table, settings), indent=1))
    else:
        print_report(checks, settings)
    raise typer.Exit(ExitCode.FAILED if _count(checks, "failed") else ExitCode.DONE)


async def examine() -> tuple[list[Check], LanguageTable | None, Settings]:
    """Make every check, in the order in which a start needs what they are about.

    Beside them is what would be served, if anything, and by which settings.
    """
    from scribewire.cli import checks
    from scribewire.cli.model_checks import check_models
    from scribewire.keys.place import words_for_database
    from scribewire.models.cache import ModelCache
    from scribewire.runtime.cores import available_cores

    settings, settings_check = _read_settings()
    cache = ModelCache(directory=settings.cache_dir)
    libraries = checks.check_libraries()
    of_models, table = check_models(settings, cache)
    made = [
        checks.check_python(),
        settings_check,
        checks.check_variables(os.environ),
        *of_models,
        checks.check_cache(cache),
        checks.check_journal(settings),
        checks.check_speaker_models(settings, cache),
        libraries,
        *(await checks.check_decoder() if libraries.status == "ok" else []),
        checks.check_certificates(),
        checks.check_cores(settings, available_cores()),
        checks.check_descriptors(),
        checks.check_keys(settings.keys, words_for_database(settings)),
    ]
    return made, table, settings


def _read_settings() -> tuple[Settings, Check]:
    """Return the settings of the environment; the defaults where they cannot be read."""
    from scribewire.cli.checks import Check
    from scribewire.settings import Settings

    try:
        settings = read_values({})
    except CommandFault as fault:
        words = f"{fault}; the rest is checked with the defaults"
        return Settings.model_construct(), Check("settings", "failed", words)
    names = sorted(variable_of(name) for name in settings.model_fields_set)
    words = ", ".join(names) or "the defaults; no SCRIBEWIRE_ variable is set"
    return settings, Check("settings", "ok", words)


def print_report(checks: Sequence[Check], settings: Settings) -> None:
    """Print every check and every limit for people, and the verdict."""
    limits = limits_in_force(settings)
    width = max(len(name) for name in (*limits, *(check.name for check in checks)))
    for check in checks:
        status = typer.style(f"{check.status:<7}", fg=_COLOURS[check.status])
        typer.echo(f"{status}  {check.name:<{width}}  {check.words}")
    for name, value in limits.items():
        typer.echo(f"{'limit':<7}  {name:<{width}}  {_shown(name, value)}")
    typer.echo(sum_up(checks))


def limits_in_force(settings: Settings) -> dict[str, int | None]:
    """Return what bounds the server, by the names of the settings; None: nothing does."""
    from scribewire.limits import ServerLimits

    return {name: getattr(settings, name) for name in ServerLimits.model_fields}


def _shown(name: str, value: int | None) -> str:
    return meaning_of(name)[1] if value is None else str(value)


def sum_up(checks: Sequence[Check]) -> str:
    """Return the verdict in one line."""
    failed, warnings = _count(checks, "failed"), _count(checks, "warning")
    if not failed and not warnings:
        return "all is well"
    return f"{failed} failed, {warnings} warning{'' if warnings == 1 else 's'}"


def describe(
    checks: Sequence[Check], table: LanguageTable | None, settings: Settings
) -> dict[str, object]:
    """Return every check for a program, and what would be served; None: nothing."""
    from dataclasses import asdict

    from scribewire.engines.served import describe_table

    return {
        "served": None if table is None else describe_table(table),
        "has_failed": bool(_count(checks, "failed")),
        "limits": limits_in_force(settings),
        "checks": [asdict(check) for check in checks],
    }


def _count(checks: Sequence[Check], status: Status) -> int:
    return sum(check.status == status for check in checks)
