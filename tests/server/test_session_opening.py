from __future__ import annotations

from typing import TYPE_CHECKING

from scribewire.audio.pcm import PcmFormat
from scribewire.audio.wire import WireLayout
from scribewire.protocol.dialogue import SessionStarted
from scribewire.recognition.checkpoint import begin_anew
from scribewire.server.session_beginning import SessionBeginning
from scribewire.server.session_opening import open_session
from scribewire.wishes import Wishes

if TYPE_CHECKING:
    from scribewire.testing.running import RunningServer

STARTED = SessionStarted(Wishes(language="en"))


async def test_one_begins_with_its_first_byte(server: RunningServer) -> None:
    session = open_session("5e55", STARTED, server.services)
    session.make_resumable("e70c4")
    position, settled = session.position, session.settled
    await session.aclose()

    assert session.id == "5e55"
    assert session.wishes == STARTED.wishes
    assert position is not None
    assert (position.received_bytes, position.finals) == (0, 0)
    assert settled is not None
    assert (settled.bytes, settled.layout) == (0, None)


async def test_one_that_another_process_has_left_is_heard_from_there(server: RunningServer) -> None:
    layout = WireLayout(pcm=PcmFormat(encoding="mulaw", channels=1, rate_hz=8000), header_bytes=58)
    beginning = SessionBeginning(
        checkpoint=begin_anew(16_384, utterances=2, speakers=0),
        received_bytes=58 + 8192,
        layout=layout,
        final_count=2,
    )
    session = open_session("5e55", STARTED, server.services, beginning=beginning)
    session.make_resumable("e70c4")
    await session.receive_audio(b"\xff" * 800)
    position, settled = session.position, session.settled
    await session.aclose()

    assert position is not None
    assert (position.received_bytes, position.finals) == (58 + 8992, 2)
    assert settled is not None
    assert settled.layout == layout
    assert settled.samples == 16_384
    assert settled.bytes == layout.joint_for(16_384).begin < 58 + 8192
