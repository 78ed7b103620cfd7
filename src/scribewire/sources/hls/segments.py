"""The bytes of one HLS segment: fetched, cut to its byte range, decrypted, without its tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from scribewire.sources.faults import invalid_stream
from scribewire.sources.hls.playlist import KEY_BYTES
from scribewire.sources.hls.tracks import WHOLE_MP4, WHOLE_WAV, find_tracks, is_mp4
from scribewire.sources.http.azure import with_sas_of

if TYPE_CHECKING:
    from scribewire.sources.hls.playlist import Resource, Segment, SegmentKey
    from scribewire.sources.http.fetcher import GuardedFetcher, Response
    from scribewire.sources.http.urls import HttpUrl

MAX_KEYS_HELD = 8  # keys change now and then; two are in use around a change
_BLOCK_BITS = 128  # of AES
_PARTIAL_CONTENT = 206
_ID3_HEAD_BYTES = 10
_MAX_ID3_TAGS = 8  # one says when the audio plays, another may be about it


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentBytes:
    """A segment that can be decoded behind the one before it."""

    media: bytes
    initialization: bytes
    """What a decoder must have before the first such segment; empty where nothing is needed."""
    format: str
    """What it is; where this changes, another decoder is needed."""
    has_sound: bool = True
    """Whether there may be any."""

    @property
    def is_whole(self) -> bool:
        """Whether it is a file by itself: who has heard one hears nothing behind its end."""
        return self.format in (WHOLE_MP4, WHOLE_WAV)


class SegmentFetcher:
    """Fetch the segments of one playlist; keys and heads that repeat are fetched once."""

    def __init__(self, fetcher: GuardedFetcher) -> None:
        self._fetcher = fetcher
        self._limits = fetcher.limits
        self._keys: dict[HttpUrl, bytes] = {}
        self._head: tuple[Resource, bytes] | None = None

    async def fetch(self, segment: Segment, base: HttpUrl) -> SegmentBytes:
        """Return a segment of the playlist at `base`. Raises SourceFault."""
        head = b""
        if segment.initialization is not None:
            head = await self._fetch_head(segment, segment.initialization, base)
        media = await self._fetch_resource(segment.media, base)
        if segment.key is not None:
            media = await self._decrypt(media, segment.key, segment.number, base)
        media = _without_tags(media)
        # No tag ends a map, so that of an MP4 part may stand above the parts behind it.
        if is_mp4(head) and not is_mp4(media):
            head = b""
        tracks = find_tracks(media, head)
        return SegmentBytes(
            media=media,
            initialization=head,
            format=tracks.format,
            has_sound=tracks.has_sound,
        )

    async def _fetch_head(self, segment: Segment, head: Resource, base: HttpUrl) -> bytes:
        if self._head is None or self._head[0] != head:
            data = await self._fetch_resource(head, base)
            # It may be encrypted too; packagers do not agree on where the key stands then.
            if not is_mp4(data) and segment.key is not None:
                data = await self._decrypt(data, segment.key, segment.number, base)
            self._head = head, data
        return self._head[1]

    async def _fetch_resource(self, resource: Resource, base: HttpUrl) -> bytes:
        url = with_sas_of(base, base.join(resource.uri))
        start, end = resource.start, resource.end
        async with self._fetcher.open(url, start=start, end=end) as response:
            if start is None or end is None:
                return await response.read(self._limits.segment_bytes)
            return await self._read_range(response, start, end)

    async def _read_range(self, response: Response, start: int, end: int) -> bytes:
        data = await response.read(self._limits.segment_bytes)
        if response.status != _PARTIAL_CONTENT:  # it sent the whole file
            data = data[start:end]
        if len(data) != end - start:
            cause = "a segment is not as long as the playlist says"
            raise invalid_stream(cause, is_transient=True)  # it may be half written
        return data

    async def _decrypt(self, data: bytes, key: SegmentKey, number: int, base: HttpUrl) -> bytes:
        iv = key.iv or (number % (1 << _BLOCK_BITS)).to_bytes(KEY_BYTES, "big")
        secret = await self._fetch_key(with_sas_of(base, base.join(key.uri)))
        decryptor = Cipher(algorithms.AES(secret), modes.CBC(iv)).decryptor()
        unpadder = PKCS7(_BLOCK_BITS).unpadder()
        try:
            padded = decryptor.update(data) + decryptor.finalize()
            return unpadder.update(padded) + unpadder.finalize()
        except ValueError:
            cause = "a segment cannot be decrypted with its key"
            raise invalid_stream(cause, is_transient=True) from None  # it may be half written

    async def _fetch_key(self, url: HttpUrl) -> bytes:
        if url not in self._keys:
            async with self._fetcher.open(url) as response:
                key = await response.read(KEY_BYTES)
            if len(key) != KEY_BYTES:
                raise invalid_stream(f"the key of its segments is not {KEY_BYTES} bytes long")
            while len(self._keys) >= MAX_KEYS_HELD:
                del self._keys[next(iter(self._keys))]
            self._keys[url] = key
        return self._keys[url]


def _without_tags(media: bytes) -> bytes:
    """Take the ID3 tags off that packed audio begins with, which say when it plays."""
    start = 0
    for _ in range(_MAX_ID3_TAGS):
        head = media[start : start + _ID3_HEAD_BYTES]
        if head[:3] != b"ID3" or len(head) < _ID3_HEAD_BYTES:
            break
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]  # four times seven bits
        start += _ID3_HEAD_BYTES + size
    return media[start:]
