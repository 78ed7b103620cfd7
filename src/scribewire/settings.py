"""Every option of the server, once: name, type, default, meaning.

Each can be set in the environment as `SCRIBEWIRE_` and its name in capitals; the command line,
which is made of these fields, overrides the environment.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from scribewire.limits import ServerLimits
from scribewire.origins import parse_allowed
from scribewire.types import DeviceWish, ShapeName

LogFormat = Literal["text", "json"]
"""A sentence a line, or an object a line."""

Several = Annotated[tuple[str, ...], NoDecode]
"""Any number of texts: separated by commas in a variable, one each time an option is given."""


Codes = TypeVar("Codes", tuple[str, ...], str | None)
_CODE = re.compile("[a-z]{2}")

PREFIX = "SCRIBEWIRE_"
OTHER_VARIABLES: Mapping[str, str] = {
    "SCRIBEWIRE_KEY": "the key that `transcribe --server` connects with",
    "SCRIBEWIRE_NEEDS_PARTS": "tests fail where a part is missing",
}
"""Variables that are no settings, and who reads them."""

# What Kubernetes and Docker tell every container about a service that is called as we are.
_OF_A_SERVICE = re.compile(
    rf"{PREFIX}(?:\w+_)?(?:SERVICE_(?:HOST|PORT)(?:_\w+)?|PORT_\d+_(?:TCP|UDP)(?:_\w+)?)"
)


class Settings(ServerLimits):
    """What an operator may choose.

    In a description, what stands behind `none:` is what happens where nothing is chosen.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    host: str = Field(
        default="127.0.0.1", description="Address to listen on; 0.0.0.0 for every network."
    )
    port: int = Field(
        default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one."
    )
    keys: Several = Field(
        default=(), description="Key that may connect; none: one is made and shown.", repr=False
    )
    database: str | None = Field(
        default=None,
        min_length=1,
        description="Database with the keys that `scribewire keys` makes, as "
        "sqlite:///keys.sqlite3 or postgresql://USER:PASSWORD@HOST/NAME; none: without --key, "
        "the one in the user's data folder if there is one.",
        repr=False,
    )
    token_secret: str | None = Field(
        default=None,
        min_length=32,  # characters; as bytes they are what HMAC-SHA-256 is as strong as
        description="Secret of 32 characters or more that tokens are signed with, the same on "
        "servers that share them; none: the key database's, or one for each run.",
        repr=False,
    )
    tls_cert: Path | None = Field(
        default=None,
        description="PEM file with the server's certificate and those that it is signed by; none: "
        "no TLS.",
    )
    tls_key: Path | None = Field(
        default=None,
        description="PEM file with the key to the certificate; none: it is in the same file.",
    )
    forwarded_allow_ips: Several = Field(
        default=("127.0.0.1", "::1"),
        description="Address or network (CIDR) of a proxy that is believed on who asks.",
    )
    allow_origin: Several = Field(
        default=(),
        description="Web page's origin, as https://captions.example, whose scripts may use this "
        "server; `*` for all; none: its own pages only.",
    )
    page: bool = Field(
        default=True,
        description="Serve the captions page at `/`, and the browser SDK beside it.",
    )
    model_dir: Path | None = Field(
        default=None,
        description="Folder with the model files; none: those inside the dependencies.",
    )
    cache_dir: Path | None = Field(
        default=None,
        description="Folder for what is made of the model files once; none: the user's cache.",
    )
    languages: Several = Field(
        default=(),
        description="Language that is served, as a code of two letters; none: each that there is a "
        "model for.",
    )
    default_language: str | None = Field(
        default=None,
        description="What sessions speak that name no language; none: English if it is served, "
        "else the first that is.",
    )
    models: Several = Field(
        default=(),
        description="Whisper model in CTranslate2's format that serves a language instead, as "
        "LANGUAGE=FOLDER; none: the models that are installed.",
    )
    device: DeviceWish = Field(
        default="auto",
        description="What models run on that can use a GPU; `auto` is one of NVIDIA if there "
        "is one.",
    )
    preload: bool = Field(
        default=False,
        description="Load the models of all languages at the start, not when somebody speaks them.",
    )
    speaker_model: Path | None = Field(
        default=None,
        description="WeSpeaker or 3D-Speaker ONNX file that tells voices apart; none: the "
        "one inside the dependencies.",
    )
    workers: int | None = Field(
        default=None, ge=1, description="Threads that decode; none: one for each core."
    )
    batch_window_ms: int = Field(
        # measured: what waits while the GPU is busy is together anyway, and a wait only adds itself
        default=0,
        ge=0,
        le=1_000,
        description="How long a call that may share a batch on a GPU waits for others; 0: for none "
        "but those that wait too.",
    )
    processes: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Server processes on this machine that share the port, each with its share of "
        "the cores.",
    )
    engine_socket: Path | None = Field(
        default=None,
        description="Socket of a `scribewire engine` that has the models for several servers of "
        "this machine; none: this process has them.",
    )
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port for Prometheus, at /metrics; 0 takes a free one; none: nothing is "
        "counted.",
    )
    metrics_host: str = Field(
        default="127.0.0.1", description="Address that port listens on; /metrics asks for no key."
    )
    allow_source: Several = Field(
        default=(),
        description="Host or network (CIDR) of one's own that stream URLs may lead to; none: "
        "public addresses only.",
    )
    deny_source: Several = Field(
        default=(),
        description="Host or network (CIDR) that stream URLs may never lead to; none: none.",
    )
    source_ca: Path | None = Field(
        default=None,
        description="PEM file with certificates that stream URLs are trusted by besides those of "
        "the system; none: those of the system alone.",
    )
    results: ShapeName = Field(
        default="standard",
        description="Shape of results for clients that do not ask for one with `results=...`.",
    )
    source_retry_ms: int = Field(
        default=300_000,
        ge=0,
        description="How long a stream URL is tried again after it was lost.",
    )
    max_utterance_ms: int = Field(
        default=15_000,  # a decode stays under about 0.2 s, and text under two caption screens
        ge=2_000,
        le=30_000,
        description="Speech without a pause is cut at this length.",
    )
    resume_window_ms: int = Field(
        default=30_000,
        ge=0,
        le=3_600_000,
        description="How long a session is kept whose connection was lost, for a client that asks "
        "for that and comes back; 0: not at all.",
    )
    max_kept_sessions: int = Field(
        default=1_000,
        ge=1,
        description="Sessions that are kept at once; beyond, the ones that were lost first go.",
    )
    journal: Path | None = Field(
        default=None,
        description="Folder for a journal of the sessions: their finals, and how far they came; "
        "none: nothing is written.",
    )
    journal_days: int = Field(
        default=30,
        ge=1,
        le=3_660,
        description="How long what is in the journal is kept, in days of UTC.",
    )
    cluster: Several = Field(
        default=(),
        description="NATS server by which this server is one of several that share sessions, "
        "limits and pulls, as nats://HOST:4222; none: it is alone.",
        repr=False,
    )
    cluster_copies: int = Field(
        default=1,
        ge=1,
        le=5,
        description="On how many NATS servers what is shared lies.",
    )
    drain_timeout_ms: int = Field(
        default=30_000, ge=0, description="How long sessions may take to end when the server stops."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="How much is logged, on stderr."
    )
    log_format: LogFormat = Field(
        default="text", description="How lines are written: `text` for people, `json` for programs."
    )

    @field_validator("host", "metrics_host")
    @classmethod
    def _read_host(cls, host: str) -> str:
        bare = host.strip()
        if bare.startswith("[") and bare.endswith("]"):
            bare = bare[1:-1]  # as it stands in a URL
        if not bare:  # to the system it means every network, which is not to be had by mistake
            raise ValueError("be an address or a name; 0.0.0.0 for every network")
        return bare

    @field_validator(
        "keys",
        "forwarded_allow_ips",
        "allow_origin",
        "allow_source",
        "deny_source",
        "models",
        "cluster",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(one.strip() for one in value.split(",") if one.strip())
        return value

    @field_validator("allow_origin")
    @classmethod
    def _read_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(parse_allowed(origin) for origin in origins)

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _check_proxies(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            try:
                ip_network(proxy)
            except ValueError as error:
                raise ValueError(f"be addresses or networks, as 10.0.0.0/8: {error}") from None
        return proxies

    @field_validator("languages", mode="before")
    @classmethod
    def _split_all(cls, value: object) -> object:
        texts = (value,) if isinstance(value, str) else value
        if isinstance(texts, tuple) and all(isinstance(text, str) for text in texts):
            return cls._split(",".join(texts))
        return value

    @field_validator("languages", "default_language")
    @classmethod
    def _check_codes(cls, value: Codes) -> Codes:
        codes = (value,) if isinstance(value, str) else value or ()
        for code in codes:
            if not _CODE.fullmatch(code):
                raise ValueError(f"be codes of two letters, as `nl`, not {code!r}")
        return value

    @field_validator("models")
    @classmethod
    def _check_models(cls, models: tuple[str, ...]) -> tuple[str, ...]:
        languages = [_read_model(model)[0] for model in models]
        for language in languages:
            if languages.count(language) > 1:
                raise ValueError(f"name one folder for {language}")
        return models

    @property
    def model_folders(self) -> Mapping[Path, frozenset[str]]:
        """The folders of `models`, each with the languages that it serves."""
        found: dict[Path, frozenset[str]] = {}
        for model in self.models:
            language, folder = _read_model(model)
            found[folder] = found.get(folder, frozenset()) | {language}
        return found


OPTIONS: Sequence[str] = sorted(Settings.model_fields, key=ServerLimits.model_fields.__contains__)
"""Every option, in the order in which people look for them: the limits last."""


def _read_model(model: str) -> tuple[str, Path]:
    language, _, folder = model.partition("=")
    if not _CODE.fullmatch(language) or not folder:
        raise ValueError("be LANGUAGE=FOLDER, as `nl=/models/whisper-small`")
    return language, Path(folder)


def unknown_variables(names: Iterable[str]) -> dict[str, str]:
    """Return the variables that nobody reads, each with the nearest one that is read.

    `names` are those of an environment, whatever they are for. Where no name is near, it is empty.
    """
    known = [name.upper() for name in Settings.model_fields]
    known += [name.removeprefix(PREFIX) for name in OTHER_VARIABLES]
    found = {}
    for name in sorted(names):
        bare = name.upper().removeprefix(PREFIX)
        is_ours = name.upper() != bare and not _OF_A_SERVICE.fullmatch(name.upper())
        if is_ours and bare not in known:
            near = difflib.get_close_matches(bare, known, n=1)
            found[name] = PREFIX + near[0] if near else ""
    return found
