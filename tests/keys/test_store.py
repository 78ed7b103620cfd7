from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from sqlalchemy import text

from scribewire.grants import Grant
from scribewire.keys.database import Database
from scribewire.keys.records import KeyIsOver, KnownKey, NoSuchKey
from scribewire.keys.rights import RightsChange
from scribewire.keys.store import KeyStore

EVERYTHING = Grant(
    name="lobby",
    is_admin=True,
    modes=frozenset({"fast"}),
    languages=frozenset({"nl", "en"}),
    origins=frozenset({"https://captions.example"}),
    source_hosts=frozenset(),
    max_sessions=2,
    max_audio_s_per_day=90.5,
    max_audio_s_per_month=36_000.0,
    expires_at=4_000_000_000,
)


def digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


@pytest.mark.parametrize("rights", [EVERYTHING, Grant(name="no limits")])
def test_a_key_comes_back_with_its_rights(store: KeyStore, rights: Grant) -> None:
    record = store.create(rights, now=1000).record

    assert store.find(record.grant.key_id) == record
    assert store.all_keys() == [record]
    assert record.created_at == 1000
    assert record.last_used_at is None
    assert Grant(key_id=record.grant.key_id) != record.grant
    assert record.grant == Grant(
        **{name: getattr(rights, name) for name in Grant.__slots__ if name != "key_id"},
        key_id=record.grant.key_id,
    )


def test_no_secret_is_in_the_database(store: KeyStore, database: Database) -> None:
    made = store.create(Grant(name="one"), now=0)
    again = store.rotate(made.record.grant.key_id, now=1, grace_s=60)
    with database.reading() as session:
        kept = repr(session.execute(text("SELECT * FROM api_key")).all())

    assert made.key[14:] not in kept
    assert again.key[14:] not in kept


def test_a_server_knows_the_keys_that_were_not_revoked(store: KeyStore) -> None:
    one, other = (store.create(Grant(name=name), now=0) for name in ("one", "other"))
    store.revoke(other.record.grant.key_id, now=5)

    revision, known = store.known_keys()

    assert known == [KnownKey(grant=one.record.grant, digest=digest(one.key))]
    assert revision == store.revision()


def test_every_change_is_a_new_revision_and_a_look_is_none(store: KeyStore) -> None:
    seen = [store.revision()]
    key_id = store.create(Grant(name="one"), now=0).record.grant.key_id
    seen.append(store.revision())
    store.rotate(key_id, now=1)
    seen.append(store.revision())
    store.revoke(key_id, now=2)
    seen.append(store.revision())
    store.revoke(key_id, now=3)
    store.find(key_id)
    store.known_keys()

    assert seen == sorted(set(seen))
    assert store.revision() == seen[-1]


def test_a_key_is_revoked_once_and_stays_in_the_list(store: KeyStore) -> None:
    key_id = store.create(Grant(name="one"), now=0).record.grant.key_id

    assert store.revoke(key_id, now=5).revoked_at == 5
    assert store.revoke(key_id, now=9).revoked_at == 5
    assert [one.state(10) for one in store.all_keys()] == ["revoked"]
    with pytest.raises(KeyIsOver, match="for good"):
        store.rotate(key_id, now=10)


def test_a_new_secret_takes_the_place_of_the_old_one(store: KeyStore) -> None:
    made = store.create(EVERYTHING, now=0)
    key_id = made.record.grant.key_id

    again = store.rotate(key_id, now=7)

    assert again.record.grant == made.record.grant
    assert again.record.rotated_at == 7
    assert store.known_keys()[1] == [KnownKey(grant=made.record.grant, digest=digest(again.key))]


def test_the_old_secret_stays_for_its_grace(store: KeyStore) -> None:
    made = store.create(Grant(name="one"), now=0)
    again = store.rotate(made.record.grant.key_id, now=7, grace_s=60)

    (known,) = store.known_keys()[1]
    assert known.digest == digest(again.key)
    assert (known.previous_digest, known.previous_until) == (digest(made.key), 67)


def test_a_change_touches_what_it_names_alone(store: KeyStore) -> None:
    made = store.create(EVERYTHING, now=0).record
    revision = store.revision()
    change = RightsChange(
        rights=Grant(name="hall", max_sessions=5, languages=frozenset({"de"})),
        fields=frozenset({"name", "max_sessions", "expires_at"}),
    )

    changed = store.change(made.grant.key_id, change)

    expected = replace(made.grant, name="hall", max_sessions=5, expires_at=None)
    assert changed == replace(made, grant=expected) == store.find(made.grant.key_id)
    assert store.revision() == revision + 1
    store.revoke(made.grant.key_id, now=1)
    with pytest.raises(KeyIsOver):
        store.change(made.grant.key_id, change)


@pytest.mark.parametrize(
    ("key_id", "words"),
    [
        ("sw_k3v9q2m7tx", "no key has that name"),
        ("'; DROP TABLE api_key", "no key has that name"),
        ("sw_k3v9q2m7tx_planted", "give the name alone: sw_k3v9q2m7tx;"),
    ],
)
def test_a_key_that_is_none_is_told_without_repeating_it(
    store: KeyStore, key_id: str, words: str
) -> None:
    for ask in (
        store.find,
        lambda one: store.revoke(one, now=0),
        lambda one: store.rotate(one, now=0),
    ):
        with pytest.raises(NoSuchKey, match=words) as caught:
            ask(key_id)
        assert "planted" not in caught.value.message


def test_keys_come_a_page_at_a_time(store: KeyStore) -> None:
    made = [store.create(Grant(name=str(at)), now=at).record for at in (5, 7, 7, 7, 9)]
    store.revoke(made[0].grant.key_id, now=10)
    store.create(Grant(name="over", expires_at=8), now=8)
    pages: list[list[str]] = []
    cursor: str | None = None
    while not pages or cursor:
        page = store.page(cursor=cursor, limit=2, active_at=10)
        pages.append([one.grant.key_id for one in page.items])
        cursor = page.cursor

    assert [len(page) for page in pages] == [2, 2]
    assert sorted(one for page in pages for one in page) == sorted(
        one.grant.key_id for one in made[1:]
    )
    assert len(store.page(cursor=None, limit=10).items) == 6


def test_a_key_ends_when_it_expires(store: KeyStore) -> None:
    record = store.create(Grant(name="one", expires_at=100), now=0).record

    assert [record.state(now) for now in (99, 100)] == ["active", "expired"]
