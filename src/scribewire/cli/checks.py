"""What `doctor` looks at: one function for each part of an installation, without a network.

Nothing here raises for what may be wrong on a machine: that is what is being asked.
"""

from __future__ import annotations

import io
import os
import platform
import ssl
import sys
import time
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from scribewire import __version__
from scribewire.cli.options import explain_unknown
from scribewire.keys.configured import FIT, is_fit
from scribewire.types import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scribewire.models.cache import ModelCache
    from scribewire.settings import Settings

Status = Literal["ok", "warning", "failed"]

MIN_DESCRIPTORS = 1024  # each session takes one, and one that decodes media five more

_KERNEL = Path("/proc/sys")
_REINSTALL = "pip install --force-reinstall 'av>=18.1,<19'"  # as pyproject.toml has it


@dataclass(frozen=True, slots=True)
class Check:
    """What was found of one part."""

    name: str
    status: Status
    """`warning`: the server runs, and less well; `failed`: it does not run, or not all of it."""
    words: str
    """What was found and, if it is not ok, what to do."""


def check_python() -> Check:
    """Tell which interpreter runs which version of us; pip has seen to it that they fit."""
    found = f"{platform.python_implementation()} {platform.python_version()}"
    return Check("python", "ok", f"{found} at {sys.executable}, scribewire {__version__}")


def check_variables(environment: Iterable[str]) -> Check:
    """Tell whether a variable was mistyped: the server refuses to start with one."""
    unknown = explain_unknown(environment)
    if unknown:
        return Check("variables", "failed", "; ".join(unknown))
    return Check("variables", "ok", "each SCRIBEWIRE_ name is known")


def check_speaker_models(settings: Settings, cache: ModelCache) -> Check:
    """Look for what tells speakers apart; without it finals have text and no names."""
    from scribewire.errors import ModelFault
    from scribewire.models.compiled import COMPILED_MODELS, compiled_model

    if settings.speaker_model is not None:
        from scribewire.engines.speaker_embedding import SpeakerEmbedder

        try:
            SpeakerEmbedder.load(settings.speaker_model)
        except ModelFault as fault:  # somebody asked for it, so the server will not do without
            return Check("speakers", "failed", f"{fault}; check SCRIBEWIRE_SPEAKER_MODEL")
    try:
        for model in COMPILED_MODELS:
            with compiled_model(model, settings.model_dir, cache):
                pass
    except ModelFault as fault:
        return Check("speakers", "warning", f"finals will name no speakers: {fault}")
    return Check("speakers", "ok", ", ".join(model.name for model in COMPILED_MODELS) + ": intact")


def check_cache(cache: ModelCache) -> Check:
    """Tell whether what is made of the models once can be kept."""
    reason = cache.why_not_writable()
    if reason is None:
        return Check("cache", "ok", f"{cache.root} can be written")
    return Check(
        "cache",
        "warning",
        f"{cache.root}: {reason}; every start takes some 3 s longer until it can be written "
        "(SCRIBEWIRE_CACHE_DIR names another folder)",
    )


def check_journal(settings: Settings) -> Check:
    """Tell where sessions are written down, if they are, and whether they can be."""
    folder = settings.journal
    if folder is None:
        return Check("journal", "ok", "no session is written down: SCRIBEWIRE_JOURNAL is not set")
    nearest = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        words = f"{folder}: nothing may be written there, and the server does not start"
        return Check("journal", "failed", f"{words}; SCRIBEWIRE_JOURNAL names another folder")
    return Check("journal", "ok", f"{folder}, kept for {settings.journal_days} days")


def check_libraries() -> Check:
    """Tell which FFmpeg decodes here."""
    try:
        from scribewire.audio.ffmpeg import library_versions
    except ImportError as error:
        return Check("ffmpeg", "failed", f"PyAV cannot be loaded: {error}; {_REINSTALL}")
    return Check("ffmpeg", "ok", library_versions())


async def check_decoder() -> list[Check]:
    """Have a decoder process decode half a second, as for a stream URL."""
    from scribewire.sources.decoders import Decoders
    from scribewire.sources.events import SourceAudio
    from scribewire.sources.faults import SourceFault

    pcm = bytes(SAMPLE_RATE)
    began_s = time.monotonic()
    try:
        with Decoders() as decoders:
            async with decoders.start() as decoder:
                await decoder.write(_as_wav(pcm))
                decoder.end_input()
                info = await decoder.info()
                heard = [piece async for piece in decoder.heard()]
                decoded = b"".join(piece.pcm for piece in heard if isinstance(piece, SourceAudio))
                took_s = time.monotonic() - began_s
                is_isolated = decoder.is_isolated
    except (OSError, SourceFault) as fault:
        return [Check("decoder", "failed", _explain_decoder(fault))]
    if decoded != pcm:
        words = f"gave {len(decoded)} bytes of {info.codec}, expected {len(pcm)}"
        return [Check("decoder", "failed", f"{words}; {_REINSTALL}")]
    return [
        Check("decoder", "ok", f"its process starts and decodes in {took_s:.2f} s"),
        check_isolation(is_isolated=is_isolated),
    ]


def _as_wav(pcm: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        writer.writeframes(pcm)
    return file.getvalue()


def _explain_decoder(fault: Exception) -> str:
    cause = getattr(fault, "strerror", None) or str(fault).partition(";")[0]
    command = f"{Path(sys.executable).name} -m scribewire.audio.decoder_process '{{}}'"
    return f"stream URLs cannot be decoded: {cause}; see what this says: {command} < FILE.wav"


def check_isolation(
    *, is_isolated: bool, kernel: Path = _KERNEL, system: str = sys.platform
) -> Check:
    """Tell whether decoders are without a network, and what keeps them from it if not."""
    if is_isolated:
        return Check("isolation", "ok", "the decoder process has no network")
    return Check(
        "isolation",
        "warning",
        f"the decoder process keeps its network: {_why_not_isolated(kernel, system)}; meanwhile "
        "what holds it back is that it can open no file and no socket",
    )


def _why_not_isolated(kernel: Path, system: str) -> str:
    if system != "linux":
        return f"{system} has no network namespaces; run on Linux to have them"
    for name, refusing, remedy in (
        ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=10000"),
        ("user/max_net_namespaces", "0", "sysctl -w user.max_net_namespaces=10000"),
        ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "an AppArmor profile for this Python with `userns,` in it",
        ),
    ):
        if _read_word(kernel / name) == refusing:
            return f"{name.replace('/', '.')} is {refusing}; to permit it: {remedy}"
    return (
        "user namespaces are refused, as container runtimes do (seccomp); give the container a "
        "seccomp profile that permits `unshare`"
    )


def _read_word(path: Path) -> str | None:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None


def check_certificates(paths: ssl.DefaultVerifyPaths | None = None) -> Check:
    """Tell whether certificates of https streams can be checked at all."""
    paths = paths or ssl.get_default_verify_paths()
    if paths.cafile:
        return Check("certificates", "ok", paths.cafile)
    if paths.capath and _has_files(Path(paths.capath)):
        return Check("certificates", "ok", paths.capath)
    return Check(
        "certificates",
        "warning",
        "no certificate authorities, so https stream URLs are refused; install them (Debian and "
        "Ubuntu: apt-get install ca-certificates) or name a file with SSL_CERT_FILE",
    )


def _has_files(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def check_cores(settings: Settings, cores: int) -> Check:
    """Tell how many cores there are to use, and whether more threads than that want them."""
    present = os.cpu_count() or cores
    found = f"{cores} of the machine's {present} may be used"
    if settings.workers is not None and settings.workers > cores:
        return Check(
            "cores",
            "warning",
            f"{found}, and SCRIBEWIRE_WORKERS is {settings.workers}: more threads than cores make "
            "finals late; leave it out",
        )
    return Check("cores", "ok", found)


def check_descriptors(soft_and_hard: tuple[int, int] | None = None) -> Check:
    """Tell whether there can be files enough for many sessions; the server takes what it may."""
    limits = _descriptor_limits() if soft_and_hard is None else soft_and_hard
    if limits is None:
        return Check("descriptors", "ok", "not limited on this system")
    soft, hard = limits
    if 0 <= hard < MIN_DESCRIPTORS:  # -1: no limit
        return Check(
            "descriptors",
            "warning",
            f"at most {hard} open files, and each session takes one, with a stream URL six; "
            "raise it: `ulimit -Hn 65536`, or LimitNOFILE=65536 in a systemd unit",
        )
    return Check("descriptors", "ok", f"{'no limit' if hard < 0 else hard} (now {soft})")


def _descriptor_limits() -> tuple[int, int] | None:
    try:
        import resource
    except ImportError:  # not a Unix
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft, -1 if hard == resource.RLIM_INFINITY else hard


LEAST_KEY_CHARACTERS = 20  # at random, 100 bits and more: no number of guesses comes near


def check_keys(keys: Iterable[str], database: str | None = None) -> Check:
    """Tell where keys come from, whether a client could send them, and anybody guess them.

    No key is shown.

    `database` is what holds keys, in words.
    """
    configured = tuple(keys)
    if not configured and database is not None:
        return Check("keys", "ok", f"those of {database}, which is not opened here")
    if not configured:
        return Check(
            "keys", "ok", "none in SCRIBEWIRE_KEYS: `scribewire serve` makes one at each start"
        )
    unfit = [key for key in configured if not is_fit(key)]
    if unfit:
        return Check(
            "keys",
            "failed",
            f"{len(unfit)} of {len(configured)} in SCRIBEWIRE_KEYS can be sent by no client; {FIT}",
        )
    beside = "" if database is None else f", and those of {database}, which is not opened here"
    told = f"{len(configured)} in SCRIBEWIRE_KEYS{beside}"
    short = sum(len(key) < LEAST_KEY_CHARACTERS for key in configured)
    if not short:
        return Check("keys", "ok", told)
    words = f"{told}; {short} under {LEAST_KEY_CHARACTERS} characters, which can be guessed"
    return Check("keys", "warning", f"{words}: `scribewire serve` without a key makes a good one")
