"""Whether words said to be 0.9 sure are right nine times of ten.

Each clip goes through the recognizer as a stream does, without partials, in both modes; each word
of a final is held against what was said. The logistic function of `recognition/confidence.py` is
fitted anew on half of the speakers and tried on the other half, many times: that is how it will do
on voices it has not met. What the shipped numbers do is shown beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.calibration import (
    Bin,
    Flags,
    Numbers,
    calibration_error,
    fit_logistic,
    predict,
    random_halves,
    reliability,
)
from bench.circumstances import note_circumstances
from bench.manifest import SPEECH_GROUPS, Clip, core_of, read_manifest, read_pcm
from bench.own_rules import own_rules
from bench.spoken import Spoken, add_spoken_options, load_spoken, read_spoken
from bench.table import Progress, format_table
from bench.word_truth import right_words
from scribewire.audio.pcm import WIRE_PCM, decode_pcm
from scribewire.engines.engines import Engines
from scribewire.events import Final
from scribewire.models.fitted import read_fitted, write_fitted
from scribewire.recognition.calibration import Calibration, ConfidenceCurve
from scribewire.recognition.confidence import confidence_features
from scribewire.recognition.loops import without_loop
from scribewire.recognition.recognizer import Recognizer
from scribewire.recognition.requests import DecodeRequest, DecodeResult, Hypothesis
from scribewire.recognition.words import spell_words
from scribewire.testing.scripted import recognize
from scribewire.types import Mode

ROOT = Path(__file__).resolve().parents[1]
MODES: tuple[Mode, ...] = ("fast", "quality")
BAR = 0.05  # expected calibration error on speakers that nothing was fitted on
HALVES, SEED = 40, 20_240


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedWord:
    """One word of a final, and whether it was said."""

    clip: str
    speaker: str
    groups: tuple[str, ...]
    mode: Mode
    text: str
    confidence: float
    """As the final has it."""
    logprobs: tuple[float, ...]
    """Of its tokens."""
    is_right: bool


class RememberingEngine:
    """A speech engine that keeps the latest hypothesis for each utterance's final."""

    def __init__(self, engines: Engines) -> None:
        self.traits = engines.speech[0].traits
        self.calibration = engines.speech[0].calibration
        self.hypotheses: dict[int, Hypothesis] = {}
        self._speech = engines.speech[0]

    def decode(self, request: DecodeRequest) -> DecodeResult:
        """Decode, and remember."""
        result = self._speech.decode(request)
        if result.hypothesis is not None:
            self.hypotheses[request.utterance] = without_loop(
                result.hypothesis, self.calibration.loops
            )
        return result

    def close(self) -> None:
        """Do nothing: the engine inside goes on."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the tables, and write every word as JSON."""
    parser = argparse.ArgumentParser(prog="confidence", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--manifest", type=Path, required=True, help="JSON lines, one per clip")
    parser.add_argument("--fit", action="store_true", help="print the numbers fitted on all words")
    parser.add_argument("--write", action="store_true", help="and put them into the model's file")
    parser.add_argument("--json", type=Path, default=ROOT / "bench/results/confidence.json")
    add_spoken_options(parser)
    options = parser.parse_args(arguments)
    spoken = read_spoken(options)
    try:
        manifest = read_manifest(options.manifest)
        clips = [c for c in manifest if any(map(c.is_scorable_in, spoken.languages))]
    except (OSError, ValueError) as error:
        sys.exit(f"confidence: {error}")
    if not clips:
        sys.exit(f"confidence: {options.manifest}: no clip with a trusted reference")
    words = list(judge_clips(clips, spoken))
    print(format_report(words))
    fitted = spoken.model.fitted
    assert fitted is not None
    if options.fit or options.write:
        print(format_fit(words, read_fitted(fitted, "calibration", Calibration).confidence))
    if options.write:
        write_fit(words, fitted)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    document = {**asdict(note_circumstances()), "words": [asdict(word) for word in words]}
    options.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def judge_clips(clips: Sequence[Clip], spoken: Spoken) -> Iterator[JudgedWord]:
    """Recognize every clip in both modes and hold its words against the reference."""
    engines = load_spoken(spoken)
    progress = Progress("confidence", len(clips))
    for clip in clips:
        for mode in MODES:
            yield from judge_clip(clip, mode, engines)
        progress.advance()
    engines.close()


def judge_clip(clip: Clip, mode: Mode, engines: Engines) -> list[JudgedWord]:
    """Return every word of the clip's finals that can be told right from wrong."""
    speech = RememberingEngine(engines)
    rules = own_rules(engines.speech[0], mode=mode, partials=False, language=clip.language)
    recognizer = Recognizer(rules)
    samples = decode_pcm(read_pcm(clip.path), WIRE_PCM)
    events = recognize(recognizer, [samples], engines.vad, speech)
    finals = [event for event in events if isinstance(event, Final)]
    words = [word for final in finals for word in final.words or ()]
    spelled = [s for f in finals if f.words for s in spell_words(speech.hypotheses[f.utterance])]
    verdicts = right_words(clip.reference or "", [word.text for word in words], clip.language)
    return [
        JudgedWord(
            clip=clip.id,
            speaker=clip.speaker or clip.id,
            groups=groups_of(clip),
            mode=mode,
            text=word.text,
            confidence=word.confidence,
            logprobs=tuple(token.logprob for token in spelling.tokens),
            is_right=is_right,
        )
        for word, spelling, is_right in zip(words, spelled, verdicts, strict=True)
        if is_right is not None
    ]


def groups_of(clip: Clip) -> tuple[str, ...]:
    """Return the names of the groups in which a clip is reported."""
    others = () if clip.language == "en" else (core_of(clip.language),)
    return tuple(group.name for group in (*SPEECH_GROUPS, *others) if group.holds(clip))


# The tables.


def format_report(words: Sequence[JudgedWord]) -> str:
    """Return all that is printed."""
    shipped = reliability(np.array([word.confidence for word in words]), _truth(words))
    unseen, unseen_right, errors = try_on_unseen(words)
    parts = [
        f"shipped numbers, all {len(words)} words:",
        _format_bins(shipped),
        f"fitted on half of the speakers, tried on the other half, {len(errors)} times:",
        _format_bins(reliability(unseen, unseen_right)),
        _format_groups(words),
        _format_errors(errors),
    ]
    return "\n\n".join(parts)


def _format_errors(errors: Sequence[float]) -> str:
    return (
        f"expected calibration error on unseen speakers: mean {np.mean(errors):.3f}, highest "
        f"{np.max(errors):.3f} of {len(errors)} halves; wanted: at most {BAR}"
    )


def try_on_unseen(words: Sequence[JudgedWord]) -> tuple[Numbers, Flags, list[float]]:
    """Fit on random halves of the speakers and predict the others.

    Returns all predictions, the truth about them, and the calibration error of each time.
    """
    features, is_right = _features(words), _truth(words)
    said: list[Numbers] = []
    truth: list[Flags] = []
    for is_seen in random_halves([word.speaker for word in words], count=HALVES, seed=SEED):
        weights = fit_logistic(features[is_seen], is_right[is_seen])
        said.append(predict(features[~is_seen], weights))
        truth.append(is_right[~is_seen])
    errors = [calibration_error(*pair) for pair in zip(said, truth, strict=True)]
    return np.concatenate(said), np.concatenate(truth), errors


def fit_curve(words: Sequence[JudgedWord]) -> ConfidenceCurve:
    """Return the curve fitted on all words, to the two digits that are worth anything."""
    one, least = fit_logistic(_features(words), _truth(words)).round(2).tolist()
    return ConfidenceCurve(one=one, least=least)


def format_fit(words: Sequence[JudgedWord], shipped: ConfidenceCurve) -> str:
    """Return the curve fitted on all words, beside the one that is shipped."""
    return f"\nfitted:  {_format_curve(fit_curve(words))}\nshipped: {_format_curve(shipped)}"


def write_fit(words: Sequence[JudgedWord], file: Path) -> None:
    """Put the curve fitted on all words into a model's file."""
    write_fitted(file, ("calibration", "confidence"), asdict(fit_curve(words)))


def _format_curve(curve: ConfidenceCurve) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in asdict(curve).items())


def _format_bins(bins: Sequence[Bin]) -> str:
    rows = [[f"{one.said:.2f}", f"{one.right:.2f}", str(one.count)] for one in bins]
    return format_table(["said", "right", "words"], rows)


def _format_groups(words: Sequence[JudgedWord]) -> str:
    rows = []
    for mode in MODES:
        for name in ("all", *dict.fromkeys(group for word in words for group in word.groups)):
            chosen = [w for w in words if w.mode == mode and (name == "all" or name in w.groups)]
            if not chosen:
                continue
            said, is_right = np.array([w.confidence for w in chosen]), _truth(chosen)
            error = calibration_error(said, is_right)
            numbers = (said.mean(), is_right.mean(), error)
            rows.append([f"{mode}, {name}", str(len(chosen)), *(f"{n:.3f}" for n in numbers)])
    return format_table(["shipped numbers", "words", "said", "right", "error"], rows)


def _features(words: Sequence[JudgedWord]) -> Numbers:
    return np.array([confidence_features(word.logprobs) for word in words])


def _truth(words: Sequence[JudgedWord]) -> Flags:
    return np.array([word.is_right for word in words])


if __name__ == "__main__":
    main()
