"""Stream mode measured: what it hears, that it keeps running, and what it costs.

    python bench/streams.py --manifest PATH [--parity] [--live] [--drill] [--sources 20]

`--parity`: every container and kind of HLS playlist beside the same audio pushed. `--live`: rolling
HLS playlists in real time, over three minutes and more. `--drill`: what breaks off comes back.
`--sources N`: so many live sources at once, recognition off. Needs ffmpeg, icecast2 and Azurite.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

if not __package__:  # run as a file: Python then searches bench/ instead of the folder above it
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.circumstances import note_circumstances
from bench.manifest import read_manifest, read_pcm
from bench.server_process import bench_server
from bench.stream_drill import format_drill, measure_drill
from bench.stream_live import format_live, measure_live
from bench.stream_load import format_load, measure_load
from bench.stream_parity import format_parity, measure_parity
from bench.stream_sessions import SETTINGS
from scribewire.types import PCM_BYTES_PER_S
from tests.parts.origin import run_origin

RESULTS = Path(__file__).parent / "results"


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for; the exit code says whether all of it is as it should be."""
    parser = argparse.ArgumentParser(
        description=__doc__, prog="streams", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--parity", action="store_true")
    parser.add_argument("--clip", default="conv2_dev_a", help="what the parity is measured on")
    parser.add_argument("--given", type=Path, help="folder with the same clip made elsewhere")
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--live-clip", default="long5_dev")
    parser.add_argument("--live-seconds", type=float, default=200.0)
    parser.add_argument("--drill", action="store_true")
    parser.add_argument("--sources", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60.0, help="of --sources")
    parser.add_argument("--json", type=Path, default=RESULTS / "streams.json")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # Icecast runs as somebody else
        found, is_good = asyncio.run(_measure(options, Path(folder)))
    found |= asdict(note_circumstances())
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return 0 if is_good else 1


async def _measure(options: argparse.Namespace, folder: Path) -> tuple[dict[str, Any], bool]:
    clips = {clip.id: clip for clip in read_manifest(options.manifest)}
    talk = read_pcm(clips[options.clip].path)
    found: dict[str, Any] = {}
    is_good = True
    media = folder / "media"
    media.mkdir()
    async with run_origin(media) as origin:
        if options.sources:
            load = await measure_load(
                origin, folder, talk, sources=options.sources, seconds=options.seconds
            )
            print(format_load(load), end="\n\n", flush=True)
            found["load"] = asdict(load)
            is_good &= not load.errors and not load.losses
        if not (options.parity or options.live or options.drill):
            return found, is_good
        async with bench_server(SETTINGS) as server:
            if options.parity:
                parity = await measure_parity(server, origin, talk, _link(options.given, media))
                print(format_parity(parity), end="\n\n", flush=True)
                found["parity"] = [asdict(row) for row in parity]
                is_good &= all(row.is_good for row in parity if not row.kind.startswith("("))
            if options.live:
                length = round(options.live_seconds) * PCM_BYTES_PER_S
                long = read_pcm(clips[options.live_clip].path)[:length]
                live = await measure_live(server, origin, long)
                print(format_live(live), end="\n\n", flush=True)
                found["live"] = [asdict(row) for row in live]
                is_good &= all(row.is_identical for row in live)
            if options.drill:
                drill = await measure_drill(server, origin, folder, talk)
                print(format_drill(drill), end="\n\n", flush=True)
                found["drill"] = [asdict(row) for row in drill]
                is_good &= all(row.is_good for row in drill)
    return found, is_good


def _link(given: Path | None, media: Path) -> list[str]:
    """Let the origin serve what was made elsewhere; return its paths."""
    if given is None:
        return []
    shutil.copytree(given, media / "given")
    found = [*given.glob("containers/*"), *given.glob("hls/vod_*/*.m3u8")]
    return [f"given/{path.relative_to(given)}" for path in sorted(found)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
