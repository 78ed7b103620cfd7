"""What has come of a recording that is pushed, and what the end of its decoder means.

Theory of operation. A recorder that is stopped at once has sent its head and nothing else, which
is no fault: nothing was said. More than a head without any sound is one, and so is a lot without
any more sound: a piece was lost where the container cannot do without it, or something else comes.
"""

from __future__ import annotations

from typing import Final

from scribewire.sources.faults import SourceFault, invalid_stream

MOST_HEAD_BYTES: Final = 4096
"""What browsers write before the first sound is shorter; as sound it is half a second."""
MOST_SILENT_BYTES: Final = 16 * 1024**2
"""Sound comes between the frames of a picture, whatever its rate; and cover art is not larger."""


class RecordingProgress:
    """Follows one recording: bytes that came, and whether something was heard of them."""

    def __init__(self) -> None:
        self._received_bytes = 0
        self._silent_bytes = 0  # since something was heard
        self._is_heard = False

    def receive(self, size: int) -> None:
        """Note that bytes came. Raises SourceFault for too many of which nothing is heard."""
        self._received_bytes += size
        self._silent_bytes += size
        if self._silent_bytes > MOST_SILENT_BYTES:
            megabytes = MOST_SILENT_BYTES // 1024**2
            raise invalid_stream(f"nothing is heard in {megabytes} MB of it").of_pushed()

    def hear(self) -> None:
        """Note that something was heard."""
        self._is_heard = True
        self._silent_bytes = 0

    def judge(self, fault: SourceFault) -> SourceFault | None:
        """Return what the client is told of why decoding has ended; None where nothing is wrong."""
        is_head = not self._is_heard and self._received_bytes <= MOST_HEAD_BYTES
        return None if is_head and fault.is_transient else fault.of_pushed()
