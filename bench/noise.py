"""Words that are invented where nobody speaks.

Ten minutes of generated noise (four kinds at five levels) and every clip tagged no-speech go
through the recognizer with the real engines; every word that comes out is an error. With
`--speech`, the clips with a trusted reference go through too, so that a rule which rejects
utterances can be judged on both sides from the JSON alone.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.circumstances import note_circumstances
from bench.evidence import Evidence, Heard, hear
from bench.manifest import Clip, read_manifest, read_pcm
from bench.noises import KINDS, make_noise
from bench.own_rules import own_rules
from bench.spoken import Spoken, add_spoken_options, load_spoken, read_spoken
from bench.table import Progress, format_table
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.types import SAMPLE_RATE, Mode

if TYPE_CHECKING:
    from scribewire.types import Samples

LEVELS_DB = (-60, -50, -40, -30, -20)  # from a quiet room to a loud machine
NOISE_S = 30.0  # of each kind at each level: ten minutes together
MODES: tuple[Mode, ...] = ("fast", "quality")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one sound gave in one mode."""

    name: str
    mode: Mode
    language: str = "en"
    """What the session is told, though nobody speaks."""
    is_speech: bool
    seconds: float
    heard: Heard


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print what was invented, and write all evidence as JSON."""
    parser = argparse.ArgumentParser(prog="noise", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--manifest", type=Path, required=True, help="JSON lines, one per clip")
    parser.add_argument("--speech", action="store_true", help="weigh the clips with speech too")
    parser.add_argument("--json", type=Path, default=Path("bench/results/noise.json"))
    add_spoken_options(parser)
    options = parser.parse_args(arguments)
    spoken = read_spoken(options)
    try:
        clips = read_manifest(options.manifest)
    except (OSError, ValueError) as error:
        sys.exit(f"noise: {error}")
    chosen = [c for c in clips if c.is_no_speech or (options.speech and _is_spoken(c, spoken))]
    outcomes = list(listen(chosen, spoken))
    print(format_report(outcomes))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {**asdict(note_circumstances()), "sounds": [asdict(o) for o in outcomes]}
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def _is_spoken(clip: Clip, spoken: Spoken) -> bool:
    return any(map(clip.is_scorable_in, spoken.languages))


def listen(clips: Sequence[Clip], spoken: Spoken) -> Iterator[Outcome]:
    """Play generated noise in each language, and the clips, each in both modes."""
    engines = load_spoken(spoken)
    progress = Progress("noise", len(KINDS) * len(LEVELS_DB) + len(clips))
    for name, language, samples in _sounds(clips):
        is_speech = language is not None
        languages = spoken.languages if language is None else [language]
        for told, mode in itertools.product(languages, MODES):
            # real speech is judged by its finals, which do not depend on partials
            rules = own_rules(engines.speech[0], mode=mode, partials=not is_speech, language=told)
            yield Outcome(
                name=name,
                mode=mode,
                language=told,
                is_speech=is_speech,
                seconds=samples.size / SAMPLE_RATE,
                heard=hear(samples, rules, engines),
            )
        progress.advance()
    engines.close()


def _sounds(clips: Sequence[Clip]) -> Iterator[tuple[str, str | None, Samples]]:
    """Give each sound with its name and what is spoken in it, if anything is."""
    for row, kind in enumerate(KINDS):
        for column, level_db in enumerate(LEVELS_DB):
            seed = row * len(LEVELS_DB) + column
            noise = make_noise(kind, level_db=level_db, seconds=NOISE_S, seed=seed)
            yield f"{kind} {level_db} dB", None, noise
    for clip in clips:
        samples = decode_pcm(read_pcm(clip.path), WIRE_PCM)
        yield clip.id, None if clip.is_no_speech else clip.language, samples


def format_report(outcomes: Sequence[Outcome]) -> str:
    """Return all that is printed: the sounds, then what was invented and what was lost."""
    silent = [outcome for outcome in outcomes if not outcome.is_speech]
    languages = list(dict.fromkeys(outcome.language for outcome in silent))
    lines = [_format_sounds([o for o in silent if o.language == one]) for one in languages]
    invented = [(o, u) for o in silent for u in o.heard.utterances if u.is_given]
    if invented:
        lines.append(_format_utterances("invented in", invented))
    spoken = [(o, u) for o in outcomes if o.is_speech for u in o.heard.utterances if u.text]
    rejected = [(o, u) for o, u in spoken if not u.is_final]
    if rejected:
        lines.append(_format_utterances("rejected in", rejected))
    for told, mode in itertools.product(languages, MODES):
        chosen = [one for one in silent if (one.language, one.mode) == (told, mode)]
        words = sum(outcome.heard.words for outcome in chosen)
        seconds = sum(outcome.seconds for outcome in chosen)
        lines.append(f"{told}, {mode}: {words} words invented in {seconds:.0f} s without speech")
    if spoken:
        lines.append(f"{len(rejected)} of {len(spoken)} utterances of the scored clips rejected")
    return "\n\n".join(lines)


def _format_sounds(outcomes: Sequence[Outcome]) -> str:
    rows: dict[str, list[str]] = {}
    for outcome in outcomes:
        row = rows.setdefault(outcome.name, [outcome.name, f"{outcome.seconds:.0f}"])
        if outcome.mode == MODES[0]:
            row.append(f"{outcome.heard.vad_max:.3f}")
        row.append(str(outcome.heard.words))
    return format_table(
        (f"sound, {outcomes[0].language}", "s", "VAD max", *(f"words {m}" for m in MODES)),
        rows.values(),
    )


_HEADER = ("mode", "at s", "speech s", "VAD mean", "VAD max", "logprob", "dB", "text")


def _format_utterances(title: str, utterances: Sequence[tuple[Outcome, Evidence]]) -> str:
    return format_table((title, *_HEADER), (_format_row(o, u) for o, u in utterances))


def _format_row(outcome: Outcome, utterance: Evidence) -> list[str]:
    return [
        outcome.name,
        f"{outcome.language}, {outcome.mode}",
        f"{utterance.start_s:.1f}",
        f"{utterance.speech_s:.2f}",
        f"{utterance.vad_mean:.2f}",
        f"{utterance.vad_max:.2f}",
        f"{utterance.logprob_mean:.2f}",
        f"{utterance.level_db:.0f}",
        utterance.text,
    ]


if __name__ == "__main__":
    main()
