"""Speech as it really arrives: telephone lines, low levels, one channel of several.

The clips with a trusted reference, those without speech and generated signals (tones, sirens,
modems) go through the wire's decoder and the recognizer with the real engines, each under every
condition. What is asked is whether real speech is dropped, what the condition costs in words, and
whether anything is invented.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.bootstrap import estimate_rate
from bench.circumstances import note_circumstances
from bench.disguises import DISGUISES, Disguise
from bench.evidence import Heard, hear
from bench.manifest import read_manifest, read_pcm
from bench.own_rules import own_rules
from bench.scoring import WordErrors, count_errors
from bench.signals import SIGNALS, make_signal
from bench.table import Progress, format_rate, format_table
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.engines.loader import load_engines

if TYPE_CHECKING:
    from scribewire.engines.engines import Engines
    from scribewire.types import Mode, Samples

MODES: tuple[Mode, ...] = ("fast", "quality")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """What is played; without a reference nobody speaks in it."""

    name: str
    samples: Samples
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Playing:
    """What one sound gave under one condition."""

    sound: str
    condition: str
    mode: Mode
    errors: WordErrors | None
    """None when nobody speaks."""
    heard: Heard


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print one line for each condition and mode, and write all evidence as JSON."""
    parser = argparse.ArgumentParser(prog="conditions", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--manifest", type=Path, required=True, help="JSON lines, one per clip")
    parser.add_argument("--only", nargs="*", choices=DISGUISES, help="these conditions alone")
    parser.add_argument("--type", choices=[*MODES, "both"], default="both")
    parser.add_argument("--json", type=Path, default=Path("bench/results/conditions.json"))
    options = parser.parse_args(arguments)
    try:
        sounds = [*_read_sounds(options.manifest), *_make_sounds()]
    except (OSError, ValueError) as error:
        sys.exit(f"conditions: {error}")
    modes = MODES if options.type == "both" else (options.type,)
    engines = load_engines()
    playings = []
    for name in options.only or DISGUISES:
        progress = Progress(name, len(sounds))
        for sound in sounds:
            playings += [_play(sound, name, DISGUISES[name], mode, engines) for mode in modes]
            progress.advance()
    engines.close()
    print(format_report(playings))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {**asdict(note_circumstances()), "playings": [asdict(one) for one in playings]}
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def _read_sounds(manifest: Path) -> list[Sound]:
    chosen = [clip for clip in read_manifest(manifest) if clip.is_scorable or clip.is_no_speech]
    return [
        Sound(
            name=clip.id,
            samples=decode_pcm(read_pcm(clip.path), WIRE_PCM),
            reference=None if clip.is_no_speech else clip.reference,
        )
        for clip in chosen
    ]


def _make_sounds() -> list[Sound]:
    return [Sound(name=name, samples=make_signal(name)) for name in SIGNALS]


def _play(
    sound: Sound, condition: str, disguise: Disguise, mode: Mode, engines: Engines
) -> Playing:
    # real speech is judged by its finals, which do not depend on partials
    rules = own_rules(engines.speech[0], mode=mode, partials=sound.reference is None)
    heard = hear(disguise(sound.samples), rules, engines)
    text = " ".join(one.text for one in heard.utterances if one.is_final)
    errors = None if sound.reference is None else count_errors(sound.reference, text)
    return Playing(sound=sound.name, condition=condition, mode=mode, errors=errors, heard=heard)


HEADER = ("condition", "mode", "hypotheses", "dropped", "word error, %", "invented words")


def format_report(playings: Sequence[Playing]) -> str:
    """Return all that is printed: the conditions, then what was dropped and what was invented."""
    rows: dict[tuple[str, str], list[Playing]] = {}
    for one in playings:
        rows.setdefault((one.condition, one.mode), []).append(one)
    lines = [format_table(HEADER, (_format_row(*key, some) for key, some in rows.items()))]
    for one in playings:
        for utterance in one.heard.utterances:
            is_wrong = utterance.is_given if one.errors is None else not utterance.is_final
            if utterance.text and is_wrong:
                what = "invented" if one.errors is None else "dropped"
                lines.append(
                    f"{what} in {one.sound}, {one.condition}, {one.mode}: {utterance.text!r} "
                    f"(VAD {utterance.vad_mean:.2f} to {utterance.vad_max:.3f}, "
                    f"log-probability {utterance.logprob_mean:.2f})"
                )
    return "\n".join(lines)


def _format_row(condition: str, mode: str, playings: Sequence[Playing]) -> list[str]:
    spoken = [(one.heard, one.errors) for one in playings if one.errors is not None]
    found = [utterance for heard, _ in spoken for utterance in heard.utterances if utterance.text]
    dropped = sum(not utterance.is_final for utterance in found)
    counts = [errors for _, errors in spoken]
    rate = (
        estimate_rate([one.errors for one in counts], [one.words for one in counts])
        if counts
        else None
    )
    invented = sum(one.heard.words for one in playings if one.errors is None)
    return [condition, mode, str(len(found)), str(dropped), format_rate(rate), str(invented)]


if __name__ == "__main__":
    main()
