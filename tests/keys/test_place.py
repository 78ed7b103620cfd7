from __future__ import annotations

from pathlib import Path

import pytest

from scribewire.keys.place import database_of, default_database, default_url, words_for_database
from scribewire.settings import Settings


@pytest.fixture(autouse=True)
def data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


def test_the_usual_place_is_the_users_data_folder(tmp_path: Path) -> None:
    assert default_url() == f"sqlite:///{tmp_path}/scribewire/keys.sqlite3"
    assert not list(tmp_path.iterdir())


def test_a_server_uses_the_database_that_was_named_with_keys_and_without() -> None:
    url = "postgresql://db.example/keys"

    assert database_of(Settings(database=url)) == url
    assert database_of(Settings(database=url, keys=("one",))) == url


def test_the_usual_database_is_used_once_it_is_there_and_no_key_was_given() -> None:
    assert database_of(Settings()) is None
    default_database().parent.mkdir()
    default_database().touch()

    assert database_of(Settings()) == default_url()
    assert database_of(Settings(keys=("one",))) is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(), None),
        (Settings(database="sqlite:////srv/keys.sqlite3"), "the database /srv/keys.sqlite3"),
        (Settings(database="postgresql://u:planted@host/d"), "the database of --database"),
    ],
)
def test_a_database_is_told_without_its_password(settings: Settings, words: str | None) -> None:
    assert words_for_database(settings) == words
