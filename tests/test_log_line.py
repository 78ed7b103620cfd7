from __future__ import annotations

from scribewire.log_line import LogLine


def test_a_line_reads_as_a_sentence_after_its_session() -> None:
    line = LogLine("session_opened", "= open {path} {mode}", session="5e55", path="/a", mode="fast")

    assert str(line) == "5e55 = open /a fast"
    assert line.sentence == "= open /a fast"
    assert (line.event, line.values) == ("session_opened", {"path": "/a", "mode": "fast"})


def test_what_is_no_session_s_has_no_id_and_values_are_never_read_as_patterns() -> None:
    assert (
        str(LogLine("stopping", "= stopping {why}", why="{secret} %s")) == "= stopping {secret} %s"
    )


def test_values_are_written_as_the_text_wants_them() -> None:
    assert (
        str(LogLine("measured", "= {s:.1f} s, {ms:.0f} ms", s=1.25, ms=99.7)) == "= 1.2 s, 100 ms"
    )
