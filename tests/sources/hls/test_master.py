from __future__ import annotations

import pytest

from scribewire.sources.faults import SourceFault
from scribewire.sources.hls.master import (
    MAX_CHOICES,
    Choice,
    ListedVariant,
    MasterPlaylist,
    order_choices,
)
from scribewire.sources.hls.tags import read_attributes


def variant(uri: str, attributes: str) -> ListedVariant:
    return ListedVariant(uri, read_attributes(attributes))


def audio(uri: str, attributes: str = "", group: str = "a", name: str = "") -> dict[str, str]:
    address = f'URI="{uri}",' if uri else ""
    tag = f'TYPE=AUDIO,GROUP-ID="{group}",NAME="{name or uri}",{address}{attributes}'
    return read_attributes(tag)


def uris(playlist: MasterPlaylist, language: str | None = None) -> list[str]:
    return [choice.uri for choice in playlist.choices_for(language)]


SOUND, PICTURE = 'CODECS="avc1.42e00a,mp4a.40.2"', 'CODECS="avc1.42e00a"'
# Variants, renditions, all of them in the order in which to try them.
ORDERS = [
    ("the cheaper first", [variant("v", "BANDWIDTH=9"), variant("w", "BANDWIDTH=8")], [], "w v"),
    ("of equal cost as listed", [variant("v", ""), variant("w", "")], [], "v w"),
    (
        "a cost that is not told is the highest",
        [variant("v", ""), variant("w", "BANDWIDTH=nan"), variant("x", "BANDWIDTH=8")],
        [],
        "x v w",
    ),
    (
        "those whose codecs are no sound at last",
        [variant("v", f"BANDWIDTH=1,{PICTURE}"), variant("w", f"BANDWIDTH=2,{SOUND}")],
        [],
        "w v",
    ),
    (
        "the sound alone, then the others of its group, then the next, then the whole",
        [variant("v", 'BANDWIDTH=2,AUDIO="b"'), variant("w", 'BANDWIDTH=1,AUDIO="a"')],
        [audio("a1"), audio("b1", group="b"), audio("a2", "DEFAULT=YES")],
        "a2 a1 b1 w v",
    ),
    (
        "a group that many share is listed once",
        [variant("v", 'AUDIO="a"'), variant("w", 'AUDIO="a"'), variant("x", 'AUDIO="a"')],
        [audio("a1"), audio("a2")],
        "a1 a2 v w x",
    ),
    (
        "a rendition without an address is in every variant",
        [variant("v", 'BANDWIDTH=1,AUDIO="a"'), variant("w", 'BANDWIDTH=2,AUDIO="a"')],
        [audio("", "DEFAULT=YES"), audio("a2")],
        "v a2 w",
    ),
    ("a group that there is not", [variant("v", 'AUDIO="x"')], [audio("a1")], "v"),
    ("a group that nobody names", [variant("v", "")], [audio("a1"), audio("a2", group="")], "v"),
    (
        "what tells the blind what is seen comes behind what is said",
        [variant("v", 'AUDIO="a"')],
        [
            audio("a1", 'AUTOSELECT=YES,CHARACTERISTICS="x,public.accessibility.describes-video"'),
            audio("a2"),
            audio("a3", "AUTOSELECT=YES"),
        ],
        "a3 a2 a1 v",
    ),
    (
        "no variants at all",
        [],
        [audio("a1"), audio("b1", "DEFAULT=YES", group="b"), audio("")],
        "b1 a1",
    ),
    (
        "what is no sound is left out",
        [variant("v", 'AUDIO="a",SUBTITLES="a"')],
        [read_attributes('TYPE=SUBTITLES,GROUP-ID="a",URI="s"'), audio("a1")],
        "a1 v",
    ),
    ("the same address twice", [variant("v", ""), variant("v", "BANDWIDTH=1")], [], "v"),
]


@pytest.mark.parametrize(
    ("variants", "renditions", "expected"),
    [case[1:] for case in ORDERS],
    ids=[case[0] for case in ORDERS],
)
def test_all_that_may_sound_is_tried_in_this_order(
    variants: list[ListedVariant], renditions: list[dict[str, str]], expected: str
) -> None:
    assert uris(MasterPlaylist(order_choices(variants, renditions))) == expected.split()


VARIANTS = [variant("v", 'BANDWIDTH=1,AUDIO="a"'), variant("w", 'BANDWIDTH=2,AUDIO="b"')]
LANGUAGES = [
    audio("en", 'DEFAULT=YES,LANGUAGE="en-GB"'),
    audio("nl", 'LANGUAGE="dut"'),
    audio("", 'LANGUAGE="FR"'),
    audio("none"),
    audio("dear-nl", 'LANGUAGE="nl"', group="b"),
]


@pytest.mark.parametrize(
    ("wished", "expected"),
    [
        (None, "en nl v none dear-nl w"),
        ("en", "en nl v none dear-nl w"),
        ("en-US", "en nl v none dear-nl w"),
        ("nl", "nl dear-nl en v none w"),
        ("fr", "v en nl none dear-nl w"),
        ("pt", "en nl v none dear-nl w"),
    ],
)
def test_a_wished_language_comes_first(wished: str | None, expected: str) -> None:
    assert uris(MasterPlaylist(order_choices(VARIANTS, LANGUAGES)), wished) == expected.split()


def test_a_choice_says_what_it_is_and_nothing_of_its_address() -> None:
    variants = [variant("v?sig=1", 'BANDWIDTH=64000,AUDIO="a"'), variant("w?sig=2", "")]
    renditions = [audio("a1?sig=3", 'LANGUAGE="en"', name="Engl\x1bish\u2028" + "h" * 100)]

    assert order_choices(variants, renditions) == (
        Choice("a1?sig=3", f'rendition "Engl?ish?{"h" * 31}"', "en"),
        Choice("w?sig=2", "variant"),
        Choice("v?sig=1", "variant of 64 kbit/s"),
    )


@pytest.mark.parametrize(
    "renditions", [[], [audio("")], [read_attributes('TYPE=VIDEO,URI="v"')], [{}]]
)
def test_what_leads_nowhere_is_refused(renditions: list[dict[str, str]]) -> None:
    with pytest.raises(SourceFault, match="names no other one with sound"):
        order_choices([], renditions)


def test_thousands_of_variants_that_share_thousands_of_renditions_cost_little() -> None:
    variants = [variant("v", 'AUDIO="a"')] * 10_000
    renditions = [audio(f"a{number % 50}") for number in range(10_000)] + [audio("")] * 10_000

    assert len(order_choices(variants, renditions)) == 51


def test_no_more_are_tried_than_any_real_one_has() -> None:
    many = [variant(f"v{number}", "") for number in range(1000)]

    assert len(order_choices(many, [])) == MAX_CHOICES
