"""Every option of the server, once: name, type, default, meaning.

Each can be set in the environment as `SCRIBEWIRE_` and its name in capitals; the command line,
which is made of these fields, overrides the environment.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from scribewire.types import ShapeName

Several = Annotated[tuple[str, ...], NoDecode]
"""Any number of texts: separated by commas in a variable, one each time an option is given."""


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


class Settings(BaseSettings):
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
    model_dir: Path | None = Field(
        default=None,
        description="Folder with the model files; none: those inside the dependencies.",
    )
    cache_dir: Path | None = Field(
        default=None,
        description="Folder for what is made of the model files once; none: the user's cache.",
    )
    speaker_model: Path | None = Field(
        default=None,
        description="WeSpeaker or 3D-Speaker ONNX file that tells voices apart; none: the "
        "one inside the dependencies.",
    )
    workers: int | None = Field(
        default=None, ge=1, description="Threads that decode; none: one for each core."
    )
    max_sessions: int | None = Field(
        default=None, ge=1, description="Sessions that may be open at once; none: no limit."
    )
    max_final_latency_ms: int = Field(
        default=700,
        ge=0,
        description="New sessions are refused while finals would come later than this after the "
        "silence that ends them; 0 refuses none.",
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
    start_timeout_ms: int = Field(
        default=15_000,
        ge=100,
        description="How long a request may take to be complete, and a session to send `start`.",
    )
    drain_timeout_ms: int = Field(
        default=30_000, ge=0, description="How long sessions may take to end when the server stops."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="How much is logged, on stderr."
    )

    @field_validator("host")
    @classmethod
    def _read_host(cls, host: str) -> str:
        bare = host.strip()
        if bare.startswith("[") and bare.endswith("]"):
            bare = bare[1:-1]  # as it stands in a URL
        if not bare:  # to the system it means every network, which is not to be had by mistake
            raise ValueError("be an address or a name; 0.0.0.0 for every network")
        return bare

    @field_validator("keys", "allow_source", "deny_source", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(one.strip() for one in value.split(",") if one.strip())
        return value


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
