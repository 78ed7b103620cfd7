"""Show Scribewire working: a real server, a real recording in real time, and what was heard.

Run it as `make demo`, or `make demo LANGUAGE=nl` (fr, de). It exits with 0 when the server heard
well, else with the reason. English is a recording, which comes with the model. The others are
synthesised by espeak-ng, whose voice no model was trained on: nothing is asked of their word error.

How latency is measured. The server ends an utterance once it has heard `end_silence` of silence
after the speech, and a final tells how far its audio went: `pad_after` beyond the speech. So the
endpoint's last sample lies at offset - pad_after + end_silence, and the sender knows when the
message with that sample left. From there to the final's arrival is its latency. The silence is
not in it; the network, the queue and the decoding are, and so is the wait for the next message
when the server's unit of work (64 ms) reaches beyond this one. Two approximations: an utterance
that was cut for its length has no such silence and shows too long a latency, and the last one,
which ends with the audio, has no more than the audio.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import wave
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import jiwer
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from scribewire.cli.captions import Captions
from scribewire.cli.screen import Screen
from scribewire.client import Client, ClientError, FinalResult, PartialResult, connect
from scribewire.recognition.requests import FRAME_SAMPLES
from scribewire.recognition.rules import endpoint_for
from scribewire.settings import Settings
from scribewire.types import samples_to_ms
from scribewire.wishes import Wishes

TEXTS = Path(__file__).parents[1] / "examples"
LANGUAGES = {"en": "English", "nl": "Dutch", "fr": "French", "de": "German"}
RECORDING = "moonshine_voice/assets/two_cities.wav"  # 44 s at 48 kHz, in the model's package
SYNTHESISER = "espeak-ng"
WORDS_PER_MINUTE = 130  # slow for it, as people read
PAUSE_S = 0.8  # between sentences: a final for each
MESSAGES_PER_S = 20  # as `scribewire transcribe mic` cuts a microphone
MAX_WORD_ERROR = 0.15  # three times what is usual: worse means that something is broken
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0


class DemoError(Exception):
    """The demonstration has failed; the message says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server process that listens."""

    url: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A WAV file as it is sent."""

    messages: list[bytes]
    """The whole file, the header in the first."""
    duration_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """What is played, and what is said in it."""

    recording: Path
    language: str
    text: Path
    is_synthesised: bool

    def __str__(self) -> str:
        if not self.is_synthesised:
            return f"{self.recording.name} ({LANGUAGES[self.language]})"
        return f"{LANGUAGES[self.language]} synthesised by {SYNTHESISER}"


@dataclass(frozen=True, slots=True)
class Heard:
    """One final, and when it came."""

    text: str
    latency_ms: float
    language: str | None = None
    """As the server says that it heard it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What came out of it."""

    finals: int
    words: int
    word_error: float
    median_latency_ms: float
    worst_latency_ms: float
    cpu_s_per_s: float
    languages: tuple[str, ...] = ()
    """Those that finals say, each once."""


# What is decided.


def read_recording(path: Path) -> Recording:
    """Cut a WAV file into messages."""
    with wave.open(str(path), "rb") as file:
        frames, rate_hz = file.getnframes(), file.getframerate()
        message_bytes = rate_hz // MESSAGES_PER_S * file.getsampwidth() * file.getnchannels()
    data = path.read_bytes()
    messages = [data[at : at + message_bytes] for at in range(0, len(data), message_bytes)]
    return Recording(messages=messages, duration_ms=frames * 1000 // rate_hz)


def endpoint_ms(offset_ms: int, duration_ms: int) -> int:
    """Return where in the stream the silence ended that ended a final's utterance."""
    rules = endpoint_for(Wishes(), max_utterance_ms=Settings().max_utterance_ms)
    rest = (rules.end_silence - rules.settle_silence) * FRAME_SAMPLES
    return min(offset_ms + samples_to_ms(rest), duration_ms)


class SentTimes:
    """Remembers when which part of the stream was sent."""

    def __init__(self) -> None:
        self._ends_ms: list[int] = []
        self._times: list[float] = []

    def add(self, end_ms: int, now: float) -> None:
        """Say that the stream has been sent up to a position."""
        self._ends_ms.append(end_ms)
        self._times.append(now)

    def at(self, position_ms: int) -> float:
        """Return when the message with this position was sent."""
        return self._times[min(bisect_left(self._ends_ms, position_ms), len(self._times) - 1)]


def summarize(heard: list[Heard], speech: Speech, *, cpu_s: float, duration_ms: int) -> Summary:
    """Count and compare. Raises DemoError when there is nothing to count."""
    if not heard:
        raise DemoError("no finals came")
    is_english = speech.language == "en"
    normalize: Callable[[str], str] = (
        EnglishTextNormalizer() if is_english else BasicTextNormalizer()
    )
    text, reference = " ".join(final.text for final in heard), speech.text.read_text("utf-8")
    latencies = [final.latency_ms for final in heard]
    return Summary(
        finals=len(heard),
        words=len(text.split()),
        word_error=float(jiwer.wer(normalize(reference), normalize(text))),
        median_latency_ms=statistics.median(latencies),
        worst_latency_ms=max(latencies),
        cpu_s_per_s=cpu_s * 1000 / duration_ms,
        languages=tuple(sorted({final.language for final in heard if final.language})),
    )


def describe(summary: Summary, speech: Speech) -> str:
    """Return the summary as people read it."""
    latency = f"{summary.median_latency_ms:.0f} ms median, {summary.worst_latency_ms:.0f} ms worst"
    against = f"against examples/{speech.text.name}"
    if speech.is_synthesised:
        against += "; people are heard far better than this voice"
    lines = [
        f"finals         {summary.finals}, {summary.words} words",
        f"word error     {summary.word_error:.1%} ({against})",
        f"final latency  {latency} (from the endpoint's last sample)",
        f"server CPU     {summary.cpu_s_per_s:.3f} s for each second of audio, start included",
    ]
    if speech.is_synthesised:
        command = f".venv/bin/scribewire transcribe FILE --language {speech.language}"
        lines.append(f"your own       {command}")
    if summary.languages:
        heard = ", ".join(LANGUAGES.get(code, code) for code in summary.languages)
        lines.insert(1, f"language       {heard}, as the finals say")
    return "\n".join(lines)


def check(summary: Summary, speech: Speech) -> None:
    """Raise DemoError when the server did not hear well."""
    if summary.word_error > MAX_WORD_ERROR and not speech.is_synthesised:
        raise DemoError(
            f"word error {summary.word_error:.1%}: expected at most {MAX_WORD_ERROR:.0%}"
        )


# What is done.


def find_speech(language: str, folder: Path) -> Speech:
    """Return the recording of English, or one that is made in the folder. Raises DemoError."""
    if language == "en":
        carrier = metadata.distribution("moonshine-voice")
        recording, text = Path(str(carrier.locate_file(RECORDING))), TEXTS / "two_cities.txt"
    else:
        recording, text = folder / f"{language}.wav", TEXTS / f"human_rights_{language}.txt"
        synthesise(text.read_text("utf-8").splitlines(), language, recording)
    return Speech(
        recording=recording, language=language, text=text, is_synthesised=language != "en"
    )


def synthesise(sentences: list[str], language: str, path: Path) -> None:
    """Have the sentences spoken into a WAV file, with a pause after each. Raises DemoError."""
    program = shutil.which(SYNTHESISER)
    if program is None:
        raise DemoError(
            f"{SYNTHESISER} is missing, which speaks {LANGUAGES[language]} here: install its "
            "package, or play a recording of your own: "
            f".venv/bin/scribewire transcribe FILE --language {language}"
        )
    options = ("-v", language, "-s", str(WORDS_PER_MINUTE), "-w", str(path))
    pieces = []
    for sentence in sentences:
        subprocess.run([program, *options, sentence], check=True)
        with wave.open(str(path), "rb") as spoken:
            form = spoken.getparams()
            pieces.append(spoken.readframes(form.nframes))
        pieces.append(bytes(int(PAUSE_S * form.framerate) * form.sampwidth * form.nchannels))
    with wave.open(str(path), "wb") as whole:
        whole.setparams(form)
        whole.writeframes(b"".join(pieces))


@asynccontextmanager
async def running_server() -> AsyncIterator[Server]:
    """Run `scribewire serve` in a process of its own, and end it with SIGTERM."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SCRIBEWIRE_")}
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "scribewire", "serve", "--port", "0"),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=environment,
        )
        try:
            assert process.stdout is not None
            yield await read_announcement(process.stdout)
        finally:
            await stop_server(process)
            if process.returncode:
                log.seek(0)
                sys.stderr.write(log.read().decode())
    if process.returncode:
        raise DemoError(f"the server ended with exit code {process.returncode}")


async def stop_server(process: asyncio.subprocess.Process) -> None:
    """End the server by its own id; one that does not end is killed, which its code shows."""
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()


async def read_announcement(stdout: asyncio.StreamReader) -> Server:
    """Wait for the address and the key that a server prints once it listens."""
    told: dict[str, str] = {}
    while not {"listening", "key"} <= told.keys():
        try:
            line = (await asyncio.wait_for(stdout.readline(), START_TIMEOUT_S)).decode()
        except TimeoutError:
            line = ""
        if not line:
            raise DemoError("the server did not start")
        name, _, value = line.partition(": ")
        told[name] = value.strip()
    return Server(told["listening"], told["key"])


async def listen(
    server: Server, recording: Recording, screen: Screen, *, language: str
) -> list[Heard]:
    """Stream the recording in real time, show what is heard, and return the finals."""
    sent = SentTimes()
    async with connect(server.url, key=server.key, language=language) as client:
        sending = asyncio.create_task(send(client, recording, sent, screen))
        try:
            return await receive(client, recording, sent, screen)
        finally:
            sending.cancel()


async def receive(
    client: Client, recording: Recording, sent: SentTimes, screen: Screen
) -> list[Heard]:
    """Show every result until the last, and return the finals."""
    now = asyncio.get_running_loop().time
    heard: list[Heard] = []
    captions = Captions("text")
    async for message in client:
        if isinstance(message, PartialResult | FinalResult):
            screen.show(captions.receive(message), captions.live)
        if isinstance(message, FinalResult):
            endpoint = endpoint_ms(message.offset_ms, recording.duration_ms)
            latency_ms = (now() - sent.at(endpoint)) * 1000
            heard.append(Heard(message.text, latency_ms, message.language))
    return heard


async def send(client: Client, recording: Recording, sent: SentTimes, screen: Screen) -> None:
    """Send each message when a microphone would have recorded all of it."""
    now = asyncio.get_running_loop().time
    began = now()
    for number, message in enumerate(recording.messages, start=1):
        end_ms = number * 1000 // MESSAGES_PER_S
        await asyncio.sleep(max(0.0, began + end_ms / 1000 - now()))
        await client.send_audio(message)
        sent.add(end_ms, now())
        screen.show_progress(end_ms)
    await client.stop()


async def demonstrate(speech: Speech) -> Summary:
    """Run the whole demonstration and return what came out of it."""
    before_s = children_cpu_s()
    recording = read_recording(speech.recording)
    async with running_server() as server:
        print(f"A server listens on {server.url}. It hears {speech} in real time:\n")
        with Screen(sys.stdout, sys.stderr, duration_ms=recording.duration_ms) as screen:
            heard = await listen(server, recording, screen, language=speech.language)
    cpu_s = children_cpu_s() - before_s
    return summarize(heard, speech, cpu_s=cpu_s, duration_ms=recording.duration_ms)


def children_cpu_s() -> float:
    """Return the processor time of all that this process has started and waited for.

    The set-up too, where a shell became this process after it.
    """
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Demonstrate, print the summary, and exit with the verdict."""
    parser = argparse.ArgumentParser(description="Show Scribewire working.")
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="what is spoken")
    language: str = parser.parse_args().language
    try:
        with tempfile.TemporaryDirectory(prefix="scribewire-demo-") as folder:
            speech = find_speech(language, Path(folder))
            summary = asyncio.run(demonstrate(speech))
        print(f"\n{describe(summary, speech)}")
        check(summary, speech)
    except (DemoError, ClientError, OSError) as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
