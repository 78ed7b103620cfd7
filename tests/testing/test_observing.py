from __future__ import annotations

from scribewire.testing.observing import RememberingObserver
from scribewire.wishes import Wishes


def test_what_it_was_told_is_kept_in_order() -> None:
    observer = RememberingObserver()

    session = observer.open_session("an id", Wishes(language="nl"))
    session.note_audio(0.5)
    session.note_source_loss()
    session.close()
    observer.note_refusal("unknown token")

    assert observer.audio_s == 0.5
    assert observer.told == ["opened fast nl", "source lost", "closed", "refused: unknown token"]
