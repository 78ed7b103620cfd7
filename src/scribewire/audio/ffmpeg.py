"""FFmpeg: which it is, what it may read, and how it is to open what it is given.

It is given bytes: it gets no address and may open nothing by itself, since playlists and
reference movies name other files and hosts.
"""

from __future__ import annotations

from typing import Final

import av

_LIBRARIES: Final = ("libavformat", "libavcodec")  # those that read what strangers wrote

# Containers and raw streams, no playlists (hls, concat, dash): those make FFmpeg open others.
_FORMATS: Final = (
    "wav,w64,aiff,au,caf,flac,mp3,ogg,aac,ac3,eac3,amr,asf,avi,flv,loas,"
    "matroska,webm,mov,mp4,m4a,3gp,mpeg,mpegts,tta,wv,ape,dts"
)
# Decoders of sound alone: the pictures of a video are never decoded, not even to look at them.
_CODECS: Final = (
    "aac,aac_latm,ac3,eac3,alac,amrnb,amrwb,ape,dca,flac,mp1float,mp1,mp2float,mp2,mp3float,mp3,"
    "mp3adufloat,mp3on4float,opus,vorbis,tta,wavpack,wmav1,wmav2,wmapro,nellymoser,speex,gsm_ms,"
    "wmavoice,wmalossless,ilbc,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,adpcm_swf,adpcm_yamaha,g722,g726,g726le,"
    "pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,"
    "pcm_f32be,pcm_f64le,pcm_f64be,pcm_alaw,pcm_mulaw,pcm_bluray,pcm_dvd"
)
CODECS: Final = frozenset(_CODECS.split(","))
"""What is decoded here, by FFmpeg's names."""

LIVE_OPTIONS: Final = {
    "format_whitelist": _FORMATS,
    "protocol_whitelist": "none",
    "codec_whitelist": _CODECS,
    "max_streams": "64",
    # A live stream is opened from what it says in 0.2 s, not in the five of FFmpeg.
    "analyzeduration": "200000",
    "probesize": "1000000",
}
# A program stream lists its tracks nowhere: each is known when its first packet comes. Of a file
# nobody waits for the first sound.
PATIENT_OPTIONS: Final = {
    **LIVE_OPTIONS,
    "analyzeduration": "5000000",
    "probesize": "5000000",
}


def library_versions() -> str:
    """Return what decodes here and of which version, in one line."""
    versions = av.library_versions
    libraries = (f"{name} {'.'.join(map(str, versions[name]))}" for name in _LIBRARIES)
    return f"PyAV {av.__version__} with {', '.join(libraries)}"
