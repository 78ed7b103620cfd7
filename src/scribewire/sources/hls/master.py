"""Which of the playlists that a master playlist (RFC 8216) names are to be tried, in which order.

What is cheapest to fetch comes first: of the cheapest variant the sound alone, where it is offered
so, then the dearer ones. Whatever may have sound is in the order, for the first one may be dead,
or silent though its codecs said otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from scribewire.audio.languages import main_language
from scribewire.sources.faults import invalid_stream
from scribewire.sources.hls.tags import finite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAX_CHOICES = 100
"""Real ones offer a dozen; each that fails costs a request."""
_NAME_CHARACTERS = 40  # of a stranger's name, in a label
_SOUND: Final = ("mp4a", "ac-3", "ec-3", "ac-4", "opus", "flac", "alac", "mp3", "vorbis")
_DESCRIBES: Final = "public.accessibility.describes-video"


@dataclass(frozen=True, slots=True)
class ListedVariant:
    """One way to have the whole presentation, as it is listed."""

    uri: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Choice:
    """A playlist that may have the sound."""

    uri: str
    """As it stands there: relative to the master playlist."""
    label: str
    """Which it is, for the log; nothing of its address."""
    language: str | None = None
    """Of the sound, if it is told: the first part of its tag, in small letters."""


@dataclass(frozen=True, slots=True)
class MasterPlaylist:
    """A playlist of playlists."""

    choices: tuple[Choice, ...]
    """In the order in which to try them; there is at least one."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What it has defined, for the playlists that import it."""

    def choices_for(self, language: str | None) -> tuple[Choice, ...]:
        """Return the choices with those of a language first, if one is wished."""
        if language is None:
            return self.choices
        wished = main_language(language)
        return tuple(sorted(self.choices, key=lambda choice: choice.language != wished))


def order_choices(
    variants: Sequence[ListedVariant], renditions: Sequence[Mapping[str, str]]
) -> tuple[Choice, ...]:
    """Return what the variants and the EXT-X-MEDIA tags offer. Raises SourceFault if nothing."""
    groups: dict[str | None, list[Mapping[str, str]]] = {}
    for one in renditions:
        if one.get("TYPE") == "AUDIO":
            groups.setdefault(one.get("GROUP-ID", "") if variants else None, []).append(one)
    choices: dict[str, Choice] = {}
    for choice in _list_choices(variants, groups):
        choices.setdefault(choice.uri, choice)
        if len(choices) == MAX_CHOICES:
            break
    if not choices:
        raise invalid_stream("its playlist names no other one with sound")
    return tuple(choices.values())


def _list_choices(
    variants: Sequence[ListedVariant], groups: dict[str | None, list[Mapping[str, str]]]
) -> Iterator[Choice]:
    """Yield choices, some of them more than once."""
    by_cost = sorted(variants, key=_bandwidth)
    for variant in by_cost:
        name = variant.attributes.get("AUDIO", "")
        if name and name in groups:
            yield from _of_group(groups[name], variant)
            # Many variants may share it: listed again is only what is within the variant.
            groups[name] = [one for one in groups[name] if not one.get("URI")][:1]
        elif _may_sound(variant):
            yield _whole(variant)
    yield from _of_group(groups.get(None, []), None)
    for variant in by_cost:  # what is said of codecs may be wrong
        yield _whole(variant)


def _of_group(
    renditions: Sequence[Mapping[str, str]], variant: ListedVariant | None
) -> Iterator[Choice]:
    """Yield a group as it is meant to be heard; without an address the sound is in `variant`."""
    for one in sorted(renditions, key=_rank):
        uri = one.get("URI") or (variant.uri if variant else None)
        if uri:
            tag = one.get("LANGUAGE")
            label = f'rendition "{_printable(one.get("NAME", ""))}"'
            yield Choice(uri, label, main_language(tag) if tag else None)


def _rank(rendition: Mapping[str, str]) -> tuple[bool, bool, bool]:
    return (
        rendition.get("DEFAULT") != "YES",
        _DESCRIBES in rendition.get("CHARACTERISTICS", ""),
        rendition.get("AUTOSELECT") != "YES",
    )


def _whole(variant: ListedVariant) -> Choice:
    bandwidth = _bandwidth(variant)
    size = f" of {bandwidth / 1000:.0f} kbit/s" if math.isfinite(bandwidth) else ""
    return Choice(variant.uri, f"variant{size}")


def _bandwidth(variant: ListedVariant) -> float:
    bandwidth = finite(variant.attributes.get("BANDWIDTH"))
    return math.inf if bandwidth is None else bandwidth


def _may_sound(variant: ListedVariant) -> bool:
    codecs = variant.attributes.get("CODECS")
    if not codecs or variant.attributes.get("AUDIO"):
        return True
    return any(codec in codecs.lower() for codec in _SOUND)


def _printable(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name[:_NAME_CHARACTERS])
