from __future__ import annotations

import base64
import json
from typing import Any

import jwt
import pytest

from scribewire.errors import ClientFault
from scribewire.grants import Grant
from scribewire.keys.tokens import IssuedToken, Tokens, make_secret

SECRET = make_secret()
NOW = 1_800_000_000
OURS = {"aud": "scribewire", "iat": NOW, "exp": NOW + 60, "sub": "k1", "jti": "t1"}


class Keys:
    """One key, `key-1`, which may be changed and revoked."""

    def __init__(self, grant: Grant | None = None) -> None:
        self.grant: Grant | None = grant or Grant(key_id="k1", name="page", max_sessions=2)

    def grant_of(self, key: str) -> Grant | None:
        return self.grant if key == "key-1" else None

    def grant_of_id(self, key_id: str, *, secret_id: str | None = None) -> Grant | None:
        return self.grant if key_id == "k1" else None


class Clock:
    """The time, which stands still until it is set."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


def issue(tokens: Tokens, **options: Any) -> IssuedToken:  # noqa: ANN401 - those of `issue`
    grant = tokens.grant_of("key-1")
    assert grant is not None
    limits = options.pop("limits", Grant())
    return tokens.issue(grant, limits, lifetime_s=options.pop("lifetime_s", 60), **options)


def sign(claims: dict[str, Any], secret: bytes = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, secret, algorithm=algorithm)


def test_a_token_stands_for_its_key_and_manages_none() -> None:
    tokens = Tokens(Keys(Grant(key_id="k1", name="page", max_sessions=2, is_admin=True)), SECRET)
    issued = issue(tokens)

    assert tokens.grant_of(issued.token) == Grant(
        key_id="k1",
        name="page",
        max_sessions=2,
        token_id=issued.token_id,
        expires_at=issued.expires_at,
    )
    assert tokens.grant_of("key-1") == tokens.grant_of("key-1")
    assert tokens.grant_of("key-2") is None


def test_a_token_can_stand_wherever_a_key_can() -> None:
    token = issue(Tokens(Keys(), SECRET)).token

    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


def test_a_token_expires() -> None:
    clock = Clock()
    tokens = Tokens(Keys(), SECRET, now=clock)
    token = issue(tokens, lifetime_s=10).token

    clock.now += 9.9
    assert tokens.grant_of(token) is not None
    clock.now += 0.1
    assert tokens.grant_of(token) is None


def test_a_token_ends_with_its_key_and_is_never_wider() -> None:
    keys = Keys()
    tokens = Tokens(keys, SECRET)
    limits = Grant(languages=frozenset({"en", "nl"}), max_audio_s=600)
    token = issue(tokens, limits=limits).token

    keys.grant = Grant(key_id="k1", languages=frozenset({"nl", "de"}), max_audio_s=60)
    narrowed = tokens.grant_of(token)
    keys.grant = None

    assert narrowed is not None
    assert (narrowed.languages, narrowed.max_audio_s) == (frozenset({"nl"}), 60)
    assert tokens.grant_of(token) is None


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (
            Grant(modes=frozenset({"fast", "quality"})),
            "types: this key allows less; it allows fast",
        ),
        (Grant(languages=frozenset({"nl"})), "languages: this key allows less; it allows en"),
        (Grant(origins=frozenset({"https://b.example"})), "origins: this key allows less"),
        (Grant(source_hosts=frozenset({"*.example"})), "source_hosts: this key allows less"),
        (Grant(max_audio_s=61), "max_minutes: this key allows less; it allows 1"),
    ],
)
def test_a_token_that_would_be_wider_than_its_key_is_not_made(limits: Grant, message: str) -> None:
    keys = Keys(
        Grant(
            key_id="k1",
            modes=frozenset({"fast"}),
            languages=frozenset({"en"}),
            origins=frozenset({"https://a.example"}),
            source_hosts=frozenset({"*.a.example"}),
            max_audio_s=60,
        )
    )

    with pytest.raises(ClientFault) as refused:
        issue(Tokens(keys, SECRET), limits=limits)

    assert refused.value.message.startswith(message)


def test_a_token_makes_no_tokens() -> None:
    tokens = Tokens(Keys(), SECRET)
    grant = tokens.grant_of(issue(tokens).token)
    assert grant is not None

    with pytest.raises(ClientFault, match="a token makes no tokens"):
        tokens.issue(grant, Grant(), lifetime_s=60)


def test_a_token_for_one_session_is_used_once() -> None:
    tokens = Tokens(Keys(), SECRET)
    token = issue(tokens, is_single_use=True).token
    grant = tokens.grant_of(token)
    assert grant is not None

    tokens.use(grant)

    assert tokens.grant_of(token) is None
    with pytest.raises(ClientFault, match="which has begun"):
        tokens.use(grant)  # it was shown twice before either session began


def test_a_token_of_a_server_whose_clock_is_ahead_is_used_once() -> None:
    clock = Clock()
    theirs, ours = Tokens(Keys(), SECRET, now=lambda: NOW + 59.0), Tokens(Keys(), SECRET, now=clock)
    token = issue(theirs, is_single_use=True, lifetime_s=3600).token

    def begin() -> None:
        grant = ours.grant_of(token)
        if grant is not None:
            ours.use(grant)

    begin()
    clock.now = NOW + 3601.0  # a name that is over is forgotten when another is noted
    other = ours.grant_of(issue(ours, is_single_use=True).token)
    assert other is not None
    ours.use(other)

    assert ours.grant_of(token) is None


def test_others_are_used_as_often_as_wished() -> None:
    tokens = Tokens(Keys(), SECRET)
    grant = tokens.grant_of(issue(tokens).token)
    assert grant is not None

    for _ in range(3):
        tokens.use(grant)
        tokens.use(Grant(key_id="k1"))


def test_used_tokens_are_forgotten_once_they_have_expired() -> None:
    clock = Clock()
    tokens = Tokens(Keys(), SECRET, now=clock)
    for _ in range(3):
        grant = tokens.grant_of(issue(tokens, is_single_use=True).token)
        assert grant is not None
        tokens.use(grant)
        clock.now += 3700

    assert len(tokens._used) == 1  # noqa: SLF001 - what is not kept cannot be asked for


def test_a_token_for_one_session_ends_with_the_server_and_others_do_not() -> None:
    clock = Clock()
    before = Tokens(Keys(), SECRET, now=clock)
    once, often = issue(before, is_single_use=True), issue(before)
    clock.now += 5
    after = Tokens(Keys(), SECRET, now=clock)

    assert after.grant_of(once.token) is None
    assert after.grant_of(often.token) is not None


@pytest.mark.parametrize(
    ("claims", "is_valid"),
    [
        (OURS, True),
        *(
            (({name: value for name, value in OURS.items() if name != left_out}), False)
            for left_out in OURS
        ),
        (OURS | {"aud": "other"}, False),
        (OURS | {"aud": ["scribewire", "other"]}, False),
        (OURS | {"exp": NOW}, False),
        (OURS | {"exp": "soon"}, False),
        (OURS | {"iat": NOW + 59}, True),
        (OURS | {"iat": NOW + 61}, False),
        (OURS | {"nbf": NOW + 10**9}, False),
        (OURS | {"sub": "k2"}, False),
        (OURS | {"sub": 1}, False),
        (OURS | {"modes": ["slow"]}, False),
        (OURS | {"limit_of_a_later_version": 1}, False),
    ],
)
def test_what_is_signed_must_say_all_that_a_token_says(
    claims: dict[str, Any], *, is_valid: bool
) -> None:
    tokens = Tokens(Keys(), SECRET, now=Clock())

    assert (tokens.grant_of(sign(claims)) is not None) is is_valid


def part(fields: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=").decode()


UNSIGNED = f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(OURS)}."
GOOD = sign(OURS)
HEAD, _, TAIL = GOOD.partition(".")


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(sign(OURS, make_secret()), id="another secret"),
        pytest.param(sign(OURS, SECRET * 2, "HS512"), id="another algorithm"),
        pytest.param(UNSIGNED, id="none"),
        pytest.param(UNSIGNED + GOOD.rpartition(".")[2], id="none with a signature"),
        pytest.param(GOOD[:-4], id="cut short"),
        pytest.param(
            f"{HEAD}.{part(OURS | {'sub': 'k3'})}.{GOOD.rpartition('.')[2]}", id="changed"
        ),
        pytest.param(f"{HEAD}.{TAIL}.{TAIL}", id="four parts"),
        pytest.param(f"{HEAD}.ü.{TAIL}", id="not ASCII"),
        pytest.param(f"{HEAD}.", id="a header"),
        pytest.param(f"{HEAD}..", id="nothing"),
        pytest.param(f"{base64.urlsafe_b64encode(b'[' * 30_000).decode()}.e30.e30", id="deep"),
        pytest.param(f"{HEAD}.{base64.urlsafe_b64encode(b'[' * 30_000).decode()}.e30", id="deeper"),
        pytest.param("", id="empty"),
    ],
)
def test_what_is_not_signed_by_us_is_no_token(shown: str) -> None:
    assert Tokens(Keys(), SECRET, now=Clock()).grant_of(shown) is None
