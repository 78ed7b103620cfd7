from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scribewire.sources.faults import SourceFault
from scribewire.sources.http.azure import (
    carries_sas,
    error_code,
    explain_refusal,
    is_azure,
    with_sas_of,
)
from scribewire.sources.http.headers import Headers
from scribewire.sources.http.urls import check_url

SAS = "sv=2021-10-04&sr=c&sp=r&se=2026-11-22T15%3A00%3A00Z&sig=s3cret%2Bkey%3D"
BEFORE = datetime(2026, 11, 22, 14, 59, 59, tzinfo=UTC)
AFTER = datetime(2026, 11, 22, 15, 0, 0, tzinfo=UTC)
BLOB = "http://a.example/account/container/talk.mp3"


def explain(
    code: str,
    *,
    query: str = SAS,
    status: int = 403,
    now: datetime = BEFORE,
    date: str = "",
    body: bytes = b"",
) -> SourceFault | None:
    url = check_url(f"{BLOB}?{query}" if query else BLOB)
    headers = Headers({"date": date}.items())
    return explain_refusal(code, status=status, headers=headers, body=body, url=url, now=now)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (SAS, True),
        ("sv=2021-10-04&si=policy&sr=b&sig=x", True),
        ("foo=1&sig=x&sv=2&se=3", True),
        ("", False),
        ("sig=x", False),
        ("sig=x&sv=2021-10-04", False),
        ("se=1&sv=2", False),
        ("signature=x&sv=1&se=2", False),
        ("X-Amz-Signature=x&X-Amz-Expires=60", False),
    ],
)
def test_a_signed_url_is_known_by_its_query(query: str, *, expected: bool) -> None:
    assert carries_sas(check_url(f"{BLOB}?{query}")) is expected


def test_the_service_is_known_by_its_request_id_not_by_its_name() -> None:
    url = check_url("http://media.example/talk.mp3")
    assert is_azure(Headers([("X-Ms-Request-Id", "1")]), url)
    assert is_azure(Headers(), check_url(f"http://media.example/talk.mp3?{SAS}"))
    assert not is_azure(Headers(), check_url("https://a.blob.core.windows.net/c/talk.mp3"))


# As Azurite 3.35.0 answers; the service itself begins with a byte order mark.
XML = b"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Error>
  <Code>BlobNotFound</Code>
  <Message>The specified blob does not exist.
RequestId:489f310d-db8d-4047-a539-3a32bbff304a
Time:2026-11-22T14:15:00.635Z</Message>
</Error>"""


@pytest.mark.parametrize(
    ("header", "body", "code"),
    [
        ("BlobNotFound", b"", "BlobNotFound"),
        ("", XML, "BlobNotFound"),
        ("", b"\xef\xbb\xbf" + XML, "BlobNotFound"),
        ("ServerBusy", XML, "ServerBusy"),
        ("x" * 65, XML, "BlobNotFound"),
        ("<script>", b"", ""),
        ("", b"<Code>no code</Code>", ""),
        ("", b"<Code>" + b"x" * 65 + b"</Code>", ""),
        ("", b"<!DOCTYPE e [<!ENTITY a 'x'>]><Code>&a;</Code>", ""),
        ("", b"", ""),
    ],
)
def test_the_code_is_in_the_header_or_in_the_body(header: str, body: bytes, code: str) -> None:
    assert error_code(Headers({"x-ms-error-code": header}.items()), body) == code


@pytest.mark.parametrize(
    ("code", "status", "query", "words"),
    [
        ("BlobNotFound", 404, SAS, "invalid stream: there is no such blob (HTTP 404 Blob"),
        ("BlobNotFound", 404, "", "invalid stream: there is no such blob (HTTP 404 BlobN"),
        ("ContainerNotFound", 404, SAS, "invalid stream: there is no such container (HTTP 4"),
        ("ResourceNotFound", 404, SAS, "invalid stream: there is no such blob (HTTP 404 Re"),
        ("ResourceNotFound", 404, "", "stream requires authentication: the blob is private, or "),
        ("BlobArchived", 409, SAS, "invalid stream: the blob is archived and must be rehydr"),
        ("InvalidRange", 416, SAS, "invalid stream: the blob ends before the byte that was "),
        ("AccountRequiresHttps", 400, "", "invalid stream: the storage account takes https o"),
        ("AccountIsDisabled", 403, SAS, "invalid stream: the storage account is disabled (H"),
        ("AuthenticationFailed", 403, SAS, "stream requires authentication: the signature "),
        ("AuthenticationFailed", 403, "", "stream requires authentication: the blob is priv"),
        ("AuthorizationFailure", 403, SAS, "stream requires authentication: the signed URL"),
        ("AuthorizationFailure", 403, "", "stream requires authentication: the blob is priv"),
        (
            "AuthorizationPermissionMismatch",
            403,
            SAS,
            "stream requires authentication: the signed URL does not permit reading (HTTP 403 Au",
        ),
        ("NoAuthenticationInformation", 401, "", "stream requires authentication: the blob "),
        ("PublicAccessNotPermitted", 409, "", "stream requires authentication: the storage "),
    ],
)
def test_an_error_is_put_in_words(code: str, status: int, query: str, words: str) -> None:
    fault = explain(code, status=status, query=query)
    assert fault is not None
    assert fault.message.startswith(words)
    assert f"(HTTP {status} {code})" in fault.message
    assert fault.status == status
    assert not fault.is_transient
    assert "s3cret" not in fault.message
    assert "SAS" in fault.message or fault.message.startswith("invalid stream")


@pytest.mark.parametrize(
    ("code", "status"), [("ServerBusy", 503), ("OperationTimedOut", 500), ("InternalError", 500)]
)
def test_trouble_of_the_service_may_pass(code: str, status: int) -> None:
    fault = explain(code, status=status)
    assert fault is not None
    assert fault.is_transient


def test_an_unknown_code_is_left_to_its_status() -> None:
    assert explain("SomethingNew", status=409) is None
    assert explain("", status=409) is None


EXPIRED = "invalid stream: the signed URL expired at 2026-11-22T15:00:00Z (HTTP 403 "
EARLY = "invalid stream: the signed URL is not valid before 2026-11-22T15:00:00Z (HTTP 403 "


@pytest.mark.parametrize("code", ["AuthenticationFailed", "AuthorizationFailure"])
@pytest.mark.parametrize(
    ("term", "now", "words"),
    [
        ("se=2026-11-22T15:00:00Z", AFTER, EXPIRED),
        ("se=2026-11-22T15%3A00%3A00.0000000Z", AFTER, EXPIRED),
        ("se=2026-11-22T15:00Z", AFTER, EXPIRED),
        ("se=2026-11-22T16:00:00%2B01:00", AFTER, EXPIRED),
        ("se=2026-11-22T16:00:00+01:00", AFTER, EXPIRED),
        ("se=2026-11-22", AFTER, "invalid stream: the signed URL expired at 2026-11-22T00:00:00Z"),
        ("se=2027-01-01&st=2026-11-22T15:00:00Z", BEFORE, EARLY),
        ("se=2026-11-22T15:00:00Z", BEFORE, "stream requires authentication"),
        ("se=2027-01-01&st=2026-11-22T15:00:00Z", AFTER, "stream requires authentication"),
        ("se=tomorrow", AFTER, "stream requires authentication"),
        ("se=0001-01-01T00:00:00%2B23:59", AFTER, "stream requires authentication"),
        ("se=", AFTER, "stream requires authentication"),
    ],
)
def test_a_signature_that_is_over_says_when(
    code: str, term: str, now: datetime, words: str
) -> None:
    fault = explain(code, query=f"sv=2021-10-04&sig=s3cret&{term}", now=now)
    assert fault is not None
    assert fault.message.startswith(words)
    assert "s3cret" not in fault.message


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("Sun, 22 Nov 2026 15:00:00 GMT", "invalid stream: the signed URL expired"),
        ("Sun, 22 Nov 2026 14:59:59 GMT", "stream requires authentication"),
        ("today", "invalid stream: the signed URL expired"),
    ],
)
def test_the_clock_of_the_service_counts(date: str, words: str) -> None:
    fault = explain("AuthenticationFailed", now=AFTER, date=date)
    assert fault is not None
    assert fault.message.startswith(words)


FRAME = b"""Signature not valid in the specified time frame: Start [Sun, 22 Nov 2026 13:00:00 GMT]
 - Expiry [Sun, 22 Nov 2026 15:00:00 GMT] - Current [Sun, 22 Nov 2026 15:27:39 GMT]"""
ORDER = b"""Signed expiry time [Sun, 22 Nov 2026 15:00:00 GMT] has to be after signed start time
 [Sun, 22 Nov 2026 15:27:39 GMT]"""


@pytest.mark.parametrize("detail", [FRAME, ORDER])
def test_the_end_that_a_policy_keeps_is_read_from_the_refusal(detail: bytes) -> None:
    query = "sv=2021-10-04&si=listeners&sr=c&sig=s3cret"
    fault = explain("AuthenticationFailed", query=query, now=AFTER, body=detail)
    assert fault is not None
    assert fault.message.startswith(EXPIRED)


@pytest.mark.parametrize(
    ("playlist", "reference", "signed"),
    [
        ("http://a.example/c/list.m3u8", "1.ts", True),
        ("http://a.example/c/list.m3u8", "http://a.example:80/c/1.ts", True),
        ("http://a.example/c/list.m3u8", "1.ts?v=2", False),
        ("http://a.example/c/list.m3u8", "http://b.example/c/1.ts", False),
        ("http://a.example/c/list.m3u8", "http://a.example:81/c/1.ts", False),
        ("http://a.example/c/list.m3u8", "https://a.example/c/1.ts", False),
    ],
)
def test_what_a_signed_playlist_names_beside_it_is_signed_too(
    playlist: str, reference: str, *, signed: bool
) -> None:
    playlist_url = check_url(f"{playlist}?{SAS}")
    named = playlist_url.join(reference)
    result = with_sas_of(playlist_url, named)
    assert result.target == (f"/c/1.ts?{SAS}" if signed else named.target)
    assert "s3cret" not in str(result)


def test_a_signature_for_one_blob_is_not_passed_on() -> None:
    playlist_url = check_url("http://a.example/c/list.m3u8?" + SAS.replace("sr=c", "sr=b"))
    named = playlist_url.join("1.ts")
    assert with_sas_of(playlist_url, named) == named


def test_without_a_signature_nothing_is_added() -> None:
    playlist_url = check_url("http://a.example/c/list.m3u8?token=1")
    named = playlist_url.join("1.ts")
    assert with_sas_of(playlist_url, named) == named


def test_user_and_password_stay_with_what_is_signed() -> None:
    playlist_url = check_url(f"http://user:pass@a.example/c/list.m3u8?{SAS}")
    result = with_sas_of(playlist_url, playlist_url.join("1.ts"))
    assert result.authorization == playlist_url.authorization is not None
