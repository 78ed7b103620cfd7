"""Options of a command that are settings: made of the fields of `Settings`, and read back.

A field becomes an option of its name, type and meaning. What is not given is not there, so that
the environment and the defaults keep their say.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer
from pydantic import ValidationError

from scribewire.cli.exits import CommandFault, ExitCode
from scribewire.errors import ServerFault
from scribewire.keys.configured import FIT, is_fit
from scribewire.settings import Settings, unknown_variables

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic.fields import FieldInfo

Format = Literal["text", "json"]
"""What a command prints: for people, or for programs."""

Given = Mapping[str, object]
"""The settings that were given as options, by their names."""

_NAMES: Final = {"keys": "key", "models": "model"}  # one of them at a time
_PARAMETER: Final = "settings"
_SECRETS: Final = {  # never shown
    "keys": "expected keys separated by commas",
    "database": "expected sqlite:///keys.sqlite3 or postgresql://USER:PASSWORD@HOST/NAME",
    "token_secret": "expected 32 characters or more",
    "cluster": "expected nats://HOST:PORT",
}


def with_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each of these settings, in place of its parameter `settings`.

    The command gets a `Given`, for `read_settings`.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        options = {_NAMES.get(name, name): name for name in names}

        @wraps(command)
        def called(**values: Any) -> None:  # noqa: ANN401 - typer gives what each option's type is
            given = {name: values.pop(option) for option, name in options.items()}
            command(**values, **{_PARAMETER: _without_absent(given)})

        own = [one for one in signature.parameters.values() if one.name != _PARAMETER]
        made = [_parameter(option, name) for option, name in options.items()]
        parameters = sorted([*own, *made], key=lambda one: one.kind)
        # typer asks for this instead of looking at the function; types know no such attribute.
        called.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return called

    return decorate


def read_settings(given: Given) -> Settings:
    """Return the settings: what was given, then the environment, then the defaults.

    Raises CommandFault for a value that cannot be, and for a variable that means nothing.
    """
    unknown = explain_unknown(os.environ)
    if unknown:
        raise CommandFault("; ".join(unknown), ExitCode.USAGE)
    settings = read_values(given)
    unfit = sum(not is_fit(key) for key in settings.keys)
    if unfit:
        told = f"--key or SCRIBEWIRE_KEYS: no client can send {unfit} of {len(settings.keys)}"
        raise CommandFault(f"{told}; {FIT}", ExitCode.USAGE)
    return settings


def explain_unknown(environment: Iterable[str]) -> list[str]:
    """Say of each variable that means nothing here which one may be meant."""
    return [
        f"{name}: no such variable; " + (f"did you mean {near}?" if near else "unset it")
        for name, near in unknown_variables(environment).items()
    ]


def read_values(given: Given) -> Settings:
    """As `read_settings`, whatever other variables there are, and whether or not keys are fit."""
    try:
        settings = Settings.model_validate(given)  # what is not given comes from the environment
    except ValidationError as error:
        raise CommandFault(_explain(error), ExitCode.USAGE) from None
    if settings.allow_source or settings.deny_source:
        _check_rules(settings)
    if settings.source_ca is not None:
        _check_certificates(settings.source_ca)
    return settings


def option_of(name: str) -> str:
    """Return how a setting is written on the command line."""
    return f"--{_NAMES.get(name, name).replace('_', '-')}"


def variable_of(name: str) -> str:
    """Return how a setting is written in the environment."""
    return f"{Settings.model_config['env_prefix']}{name.upper()}"


def meaning_of(name: str) -> tuple[str, str]:
    """Return what a setting means, without a full stop, and what holds where it is not given."""
    field = Settings.model_fields[name]
    assert field.description is not None
    meaning, _, default = field.description.removesuffix(".").partition("; none: ")
    usual = field.default
    return meaning, default or (", ".join(usual) if isinstance(usual, tuple) else str(usual))


def _parameter(option: str, name: str) -> inspect.Parameter:
    field = Settings.model_fields[name]
    meaning, default = meaning_of(name)
    again = "; repeat it for more" if _is_several(field) else ""
    info = typer.Option(help=f"{meaning}{again}.", show_default=default)
    kind = list[str] if _is_several(field) else field.annotation
    return inspect.Parameter(
        option,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, info],  # type: ignore[operator] # a type, at run time
    )


def _is_several(field: FieldInfo) -> bool:
    return field.annotation == tuple[str, ...]


def _without_absent(values: Given) -> Given:
    """Leave out what was not given; typer says so with None, or with an empty list."""
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
        if value is not None and value != []
    }


def _check_rules(settings: Settings) -> None:
    from scribewire.sources.http.addresses import parse_address_rule

    for name in ("allow_source", "deny_source"):
        try:
            for rule in getattr(settings, name):
                parse_address_rule(rule)
        except ValueError as error:
            raise CommandFault(f"{option_of(name)}: {error}", ExitCode.USAGE) from None


def _check_certificates(file: Path) -> None:
    from scribewire.sources.http.tls import trusting

    try:
        trusting(file)
    except ServerFault as fault:
        raise CommandFault(str(fault), ExitCode.USAGE) from None


def _explain(error: ValidationError) -> str:
    """Say which option or variable is wrong, what it was and what is expected."""
    problems = []
    for problem in error.errors():
        name = str(problem["loc"][0])
        where = f"{option_of(name)} or {variable_of(name)}"
        if name in _SECRETS:
            problems.append(f"{where}: {_SECRETS[name]}")
            continue
        expected = problem["msg"]
        for prefix in ("Input should ", "String should ", "Value error, "):
            expected = expected.removeprefix(prefix)
        shown = str(problem["input"]) or "empty"
        problems.append(f"{where} is {shown}: it should {expected}")
    return "; ".join(problems)
