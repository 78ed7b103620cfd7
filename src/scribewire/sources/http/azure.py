"""Azure Blob Storage: known by how it answers, and its errors in words for a client.

An account may have any host name, and so may whatever stands in front of it. What tells the
service is its request id in the answer, or a shared access signature (SAS) in the URL. The
signature is as good as a password: nothing of it is shown but when it begins and ends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import parse_qsl

from scribewire.sources.faults import SourceFault, authentication_required, invalid_stream
from scribewire.sources.http.urls import HttpUrl

_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}", re.ASCII)
_CODE_IN_XML: Final = re.compile(rb"<Code>\s*([A-Za-z][A-Za-z0-9]{0,63})\s*</Code>")
# A stored access policy keeps the end of a signature to itself; only the refusal tells it.
_EXPIRY_IN_XML: Final = re.compile(rb"[Ee]xpiry(?: time)? \[([A-Za-z0-9,: ]{1,40})\]")

_ADVICE: Final = "use a signed URL (SAS) that permits reading"
_ONE_BLOB: Final = frozenset({"b", "bs", "bv"})  # a blob, a snapshot of it, a version of it
_MAY_BE_OVER: Final = frozenset({"AuthenticationFailed", "AuthorizationFailure"})
_MAY_PASS: Final = frozenset({"ServerBusy", "OperationTimedOut", "InternalError"})

_UNUSABLE: Final = {
    "BlobNotFound": "there is no such blob",
    "ContainerNotFound": "there is no such container",
    "ResourceNotFound": "there is no such blob",
    "ContainerBeingDeleted": "the container is being deleted",
    "ContainerDisabled": "the container is disabled",
    "AccountIsDisabled": "the storage account is disabled",
    "AccountRequiresHttps": "the storage account takes https only",
    "BlobArchived": "the blob is archived and must be rehydrated first",
    "BlobBeingRehydrated": "the blob is archived and still being rehydrated",
    "BlobUsesCustomerSpecifiedEncryption": "the blob is encrypted with a key of its owner",
    "InvalidRange": "the blob ends before the byte that was asked for",
    "InvalidUri": "the URL cannot be one of a blob",
    "InvalidResourceName": "the URL cannot be one of a blob",
    "OutOfRangeInput": "the URL cannot be one of a blob",
    "ServerBusy": "the storage service is busy",
    "OperationTimedOut": "the storage service took too long",
    "InternalError": "the storage service failed",
}
_UNAUTHORISED_SIGNED: Final = {
    "AuthenticationFailed": "the signature of the URL is not valid",
    "AuthorizationFailure": "the signed URL is not accepted, or not from this network",
    "AuthorizationPermissionMismatch": "the signed URL does not permit reading",
    "AuthorizationProtocolMismatch": "the signed URL is for https only",
    "AuthorizationSourceIPMismatch": "the signed URL is not for the address of this server",
    "AuthorizationServiceMismatch": "the signed URL is not for blobs",
    "AuthorizationResourceTypeMismatch": "the signed URL is not for blobs",
    "KeyBasedAuthenticationNotPermitted": "the storage account takes no URL signed with its key",
}
_UNAUTHORISED: Final = {
    "AuthenticationFailed": "the blob is private",
    "AuthorizationFailure": "the blob is private, or closed to this network",
    "AuthorizationPermissionMismatch": "the blob is private",
    "InvalidAuthenticationInfo": "the blob is private",
    "NoAuthenticationInformation": "the blob is private",
    "PublicAccessNotPermitted": "the storage account lets nobody read without a signature",
    # So as not to tell strangers what there is.
    "ResourceNotFound": "the blob is private, or there is none",
}


def is_azure(headers: Mapping[str, str], url: HttpUrl) -> bool:
    """Tell whether an answer to `url` comes from the service."""
    return "x-ms-request-id" in headers or carries_sas(url)


def carries_sas(url: HttpUrl) -> bool:
    """Tell whether a URL is signed by a shared access signature."""
    query = _query(url)
    return "sig" in query and "sv" in query and ("se" in query or "si" in query)


def with_sas_of(playlist_url: HttpUrl, reference: HttpUrl) -> HttpUrl:
    """Return what a playlist in a private container names, signed as the playlist was.

    What has a query of its own or lies elsewhere stays as it is; and so it does where the
    signature is for the playlist alone, which opens nothing else and would lock what is public.
    """
    query = _query(playlist_url)
    is_there = (playlist_url.scheme, playlist_url.authority) == (
        reference.scheme,
        reference.authority,
    )
    if "?" in reference.target or not is_there or not carries_sas(playlist_url):
        return reference
    if query.get("sr") in _ONE_BLOB:
        return reference
    signature = playlist_url.target.partition("?")[2]
    return replace(reference, target=f"{reference.target}?{signature}")


def error_code(headers: Mapping[str, str], body: bytes) -> str:
    """Return the service's own name for an error, from the start of its answer, or nothing."""
    code = headers.get("x-ms-error-code", "").strip()
    if _CODE.fullmatch(code):
        return code
    found = _CODE_IN_XML.search(body)
    return found[1].decode("ascii") if found else ""


def explain_refusal(
    code: str, *, status: int, headers: Mapping[str, str], body: bytes, url: HttpUrl, now: datetime
) -> SourceFault | None:
    """Return what an error of the service means for the client; None for one we do not know.

    `now` counts where the service does not tell its own time.
    """
    answered = f"HTTP {status} {code}"
    is_signed = carries_sas(url)
    if is_signed and code in _MAY_BE_OVER:
        words = _out_of_term(url, body, _service_time(headers) or now)
        if words:
            return invalid_stream(f"{words} ({answered})", status=status)
    unauthorised = _UNAUTHORISED_SIGNED if is_signed else _UNAUTHORISED
    if words := unauthorised.get(code):
        return authentication_required(f"{words} ({answered})", status=status, remedy=_ADVICE)
    if words := _UNUSABLE.get(code):
        may_pass = code in _MAY_PASS
        return invalid_stream(f"{words} ({answered})", is_transient=may_pass, status=status)
    return None


def _out_of_term(url: HttpUrl, body: bytes, now: datetime) -> str | None:
    """Say whether the signature is over, or not yet begun; the service says neither."""
    query = _query(url)
    ends, starts = _read_iso(query.get("se", "")), _read_iso(query.get("st", ""))
    if "se" not in query and (found := _EXPIRY_IN_XML.search(body)):
        ends = _read_http(found[1].decode("ascii"))
    if ends is not None and ends <= now:
        return f"the signed URL expired at {ends:%Y-%m-%dT%H:%M:%SZ}"
    if starts is not None and starts > now:
        return f"the signed URL is not valid before {starts:%Y-%m-%dT%H:%M:%SZ}"
    return None


def _service_time(headers: Mapping[str, str]) -> datetime | None:
    return _read_http(headers.get("date", ""))


def _read_http(text: str) -> datetime | None:
    try:
        return _as_utc(parsedate_to_datetime(text))
    except (ValueError, OverflowError):
        return None


def _read_iso(text: str) -> datetime | None:
    try:
        return _as_utc(datetime.fromisoformat(text.replace(" ", "+")))  # an offset, not quoted
    except (ValueError, OverflowError):
        return None


def _as_utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _query(url: HttpUrl) -> dict[str, str]:
    return dict(parse_qsl(url.target.partition("?")[2], keep_blank_values=True))
