from __future__ import annotations

import pytest

from scribewire.sources.faults import SourceFault, invalid_stream, unsupported_format
from scribewire.sources.recording import MOST_HEAD_BYTES, MOST_SILENT_BYTES, RecordingProgress

CUT_OFF = invalid_stream("it ended before any audio came", is_transient=True)
CRASHED = invalid_stream("its audio cannot be decoded (the decoder crashed)")
UNKNOWN = unsupported_format("a picture (PNG)")


@pytest.mark.parametrize(
    ("received_bytes", "is_heard", "fault", "told"),
    [
        (500, False, CUT_OFF, None),  # a recorder that was stopped at once
        (MOST_HEAD_BYTES, False, CUT_OFF, None),
        (MOST_HEAD_BYTES + 1, False, CUT_OFF, "invalid stream: it ended before any audio came; "),
        (500, True, CUT_OFF, "invalid stream: it ended before any audio came; "),
        (500, False, CRASHED, "invalid stream: its audio cannot be decoded"),
        (500, False, UNKNOWN, "unsupported format: found a picture (PNG); "),
    ],
)
def test_what_ends_it_is_told_unless_only_its_head_came(
    received_bytes: int, is_heard: bool, fault: SourceFault, told: str | None
) -> None:
    recording = RecordingProgress()
    recording.receive(received_bytes)
    if is_heard:
        recording.hear()
    found = recording.judge(fault)

    assert (found is None) == (told is None)
    assert found is None or found.message.startswith(told or "")
    assert found is None or "URL" not in found.message


def test_a_lot_of_which_nothing_is_heard_is_a_fault() -> None:
    recording = RecordingProgress()
    for _ in range(3):
        recording.receive(MOST_SILENT_BYTES)
        recording.hear()
    recording.receive(MOST_SILENT_BYTES)

    with pytest.raises(SourceFault, match="invalid stream: nothing is heard in 16 MB of it; exp"):
        recording.receive(1)
