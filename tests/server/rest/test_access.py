from __future__ import annotations

import pytest
from starlette.requests import HTTPConnection

from scribewire.grants import Grant
from scribewire.protocol.policy import ServerPolicy
from scribewire.server.rest.access import authorize, require_admin
from scribewire.server.rest.faults import RestFault
from scribewire.server.wrong_keys import WrongKeys

GRANTS = {"one": Grant(key_id="1"), "zwei-ü": Grant(key_id="2", is_admin=True)}
POLICY = ServerPolicy(languages=frozenset({"en"}), default_language="en", grant_of=GRANTS.get)


def no_wrong_keys() -> WrongKeys:
    return WrongKeys(free=2, longest_wait_s=60, now=lambda: 1000.0)


def connection(query: str = "", **headers: str) -> HTTPConnection:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http",
        "query_string": query.encode(),
        "headers": pairs,
        "client": ("10.0.0.1", 5),
    }
    return HTTPConnection(scope)


@pytest.mark.parametrize(
    ("asking", "key_id"),
    [
        (connection("token=one"), "1"),
        (connection(x_api_key="one"), "1"),
        (connection(api_key="one"), "1"),
        (connection(x_zoom_s2t_key="one"), "1"),
        (connection(authorization="bearer one"), "1"),
        (connection(authorization="Bearer zwei-ü"), "2"),
        (connection("token=zwei-%C3%BC", x_api_key="one"), "2"),
    ],
)
def test_the_first_key_of_a_request_says_what_it_may(asking: HTTPConnection, key_id: str) -> None:
    assert authorize(asking, POLICY, no_wrong_keys()).key_id == key_id


@pytest.mark.parametrize(
    ("asking", "error"),
    [
        (connection(), "missing token"),
        (connection("token="), "missing token"),
        (connection(authorization="Basic one"), "missing token"),
        (connection("token=two"), "unknown token"),
        (connection("token=one&token=two"), "unknown token"),
        (connection("token=one", api_key="two"), "unknown token"),
        (connection(x_api_key="\xff"), "unknown token"),
    ],
)
def test_without_a_key_or_with_a_bad_one_there_is_no_grant(
    asking: HTTPConnection, error: str
) -> None:
    with pytest.raises(RestFault) as refused:
        authorize(asking, POLICY, no_wrong_keys())

    assert (refused.value.status, refused.value.error) == (401, error)


def test_after_too_many_wrong_keys_an_address_is_told_to_wait_and_a_valid_one_is_let_in() -> None:
    wrong_keys = no_wrong_keys()
    answers = []
    for _ in range(5):
        with pytest.raises(RestFault) as refused:
            authorize(connection("token=two"), POLICY, wrong_keys)
        answers.append((refused.value.status, refused.value.headers.get("Retry-After")))

    assert answers == [(401, None)] * 3 + [(429, "1")] * 2
    assert authorize(connection("token=one"), POLICY, wrong_keys).key_id == "1"


def test_keys_are_managed_with_the_right_to_do_so() -> None:
    require_admin(GRANTS["zwei-ü"])
    with pytest.raises(RestFault) as refused:
        require_admin(GRANTS["one"])

    assert refused.value.status == 403
