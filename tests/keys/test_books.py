from __future__ import annotations

from datetime import UTC, date, datetime

from scribewire.grants import Grant
from scribewire.keys.books import KeyBooks
from scribewire.keys.usage import KeyUsage, UsageBatch

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC).timestamp()


def test_a_server_is_told_of_keys_when_one_has_changed(database_url: str) -> None:
    books = KeyBooks.open(database_url)
    first = books.synchronise(None, revision=None, now=NOW)
    assert first.known == ()

    assert books.synchronise(None, revision=first.revision, now=NOW).known is None

    grant = books.store.create(Grant(name="one"), now=NOW).record.grant
    second = books.synchronise(None, revision=first.revision, now=NOW)
    assert [one.grant for one in second.known or ()] == [grant]
    books.close()


def test_what_was_counted_is_written_before_it_is_told(database_url: str) -> None:
    books = KeyBooks.open(database_url)
    grant = books.store.create(Grant(name="one", max_audio_s_per_day=60), now=NOW).record.grant
    count = KeyUsage(key_id=grant.key_id, day=date(2030, 1, 31), audio_ms=1500, sessions=1)
    batch = UsageBatch(writer_id="me", sequence=1, at=int(NOW), counts=(count,))

    snapshot = books.synchronise(batch, revision=None, now=NOW)

    assert snapshot.used[grant.key_id].today_ms == 1500
    books.close()
