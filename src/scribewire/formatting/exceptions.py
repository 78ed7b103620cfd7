"""What text2num does not know about each language that we write numbers in.

The library reads numbers well and context hardly at all. Words are never wrong, so where the words
around it say that a number word is something else, these tables leave it a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class NotNumber:
    """Neighbours that make something else of a number word."""

    after: frozenset[str] = frozenset()
    """It is no number after one of these ..."""
    only_after: frozenset[str] = frozenset()
    """... nor, if any are named, after others than these ..."""
    unless_before: frozenset[str] = frozenset()
    """... except before one of these."""
    before: frozenset[str] = frozenset()
    """It is no number before one of these, where an empty word is the end of the phrase ..."""
    unless_after: frozenset[str] = frozenset()
    """... except after one of these."""
    idioms: tuple[tuple[frozenset[str], frozenset[str]], ...] = ()
    """It is no number between one of the first and one of the second of any of these pairs."""
    noun_after: frozenset[str] = frozenset()
    """It is no number two words after one of these, but for one of `unless_after` between."""

    def holds(self, one_more: str, previous: str, following: str) -> bool:
        """Whether the word between these is no number."""
        if any(previous in first and following in last for first, last in self.idioms):
            return True
        if one_more in self.noun_after and previous not in self.unless_after:
            return True
        if following in self.before and previous not in self.unless_after:
            return True
        if following in self.unless_before:
            return False
        return previous in self.after or bool(self.only_after and previous not in self.only_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedYears:
    """How a language says a year in two numbers: "nineteen ninety-four"."""

    recent: frozenset[str]
    """Centuries, in digits, that make a year where nothing says otherwise ..."""
    earlier: frozenset[str]
    """... and those that make one only where something says so."""
    after: frozenset[str]
    """A year follows these: "in", "born", a month ..."""
    articles: frozenset[str]
    """... these, where its century is recent: "the twenty twelve election" ..."""
    ranges: frozenset[str]
    """... these, after another year: "from eighteen forty to eighteen sixty" ..."""
    perhaps_after: frozenset[str]
    """... and these, where nothing speaks against it."""
    against: frozenset[str]
    """Up to three words after these comes no year but a price, a score, the number of a room ..."""
    against_directly: frozenset[str]
    """... and the word after these is none: "at nineteen thirty"."""
    units: frozenset[str]
    """Before these it is never a year: "in twenty thirty minutes"."""
    going_on: frozenset[str]
    """Nothing that is counted: only these may follow a year that no word before it speaks for."""
    months: frozenset[str]
    """Between one of these and a year, a number is the day."""
    zeros: frozenset[str] = frozenset()
    """What stands for the third digit in "nineteen oh five"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberExceptions:
    """Where one language is to be read differently. All words are in small letters."""

    scales: frozenset[str]
    """Kept as words, and whatever number stands before one gets digits: "2.5 million"."""
    multipliers: frozenset[str]
    """Words that multiply what stands before them, scales among them."""
    linking: frozenset[str]
    """What may stand inside a number: "a hundred and five"."""
    point: frozenset[str]
    """What stands before decimals."""
    between: frozenset[str]
    """After these, or one word later, come two numbers: "between five hundred and two thousand"."""
    linked: frozenset[int] = frozenset()
    """What may follow a linking word in a number, if not anything: "vingt et un"."""
    is_unit_first: bool = False
    """Whether a linking word stands between units and tens: "ein und zwanzig"."""
    is_zero_joined: bool = False
    """Whether a zero and the number after it are one: telephone numbers in pairs, "06 12"."""
    spoken_zeros: frozenset[str] = frozenset()
    """What is zero between two digits: "three oh five"."""
    not_numbers: Mapping[str, NotNumber] = field(default_factory=dict)
    """Number words that in some places are none."""
    never: frozenset[str] = frozenset()
    """Words that only the library takes for numbers: "hundreds of people"."""
    articles: frozenset[str] = frozenset()
    """Articles that are also the number one."""
    fraction_starts: frozenset[str] = frozenset()
    """After one of these, a single ordinal may be a fraction: "a third of them"."""
    absorbed_articles: frozenset[str] = frozenset()
    """Articles that go into a number which begins with one of `absorbing`."""
    absorbing: frozenset[str] = frozenset()
    """Words of quantity that take an article: "a hundred people"."""
    years: PairedYears | None = None
    """None where years are said as any number is."""
    decades: frozenset[str] = frozenset()
    """Words that make a century of the number before them: "the nineteen eighties"."""


def _words(line: str) -> frozenset[str]:
    return frozenset(line.split())


_TENS = _words("twenty thirty forty fifty sixty seventy eighty ninety")
_HUNDREDS = _words("hundred thousand")
_ENGLISH_BIG = _words("million billion trillion")
_ENGLISH_SCALES = _ENGLISH_BIG | {"percent"}
_ENGLISH_MONTHS = _words(
    "january february march april may june july august september october november december"
)
_ENGLISH_YEARS = PairedYears(
    recent=_words("19 20"),
    earlier=_words("13 14 15 16 17 18"),
    after=_ENGLISH_MONTHS
    | _words(
        "in since by until till circa year early late mid spring summer autumn fall winter"
        " born died founded built established"
    ),
    articles=_words("the a"),
    ranges=_words("and to or until till through"),
    perhaps_after=_words("of from between before after"),
    against=_words(
        "cost costs costing pay pays paid price prices priced charge charged sum total amount only"
        " dollar dollars pound pounds euro euros score scores scored won lost"
        " room rooms bus buses tram train trains flight flights gate line platform route number"
        " numbers page pages chapter verse channel seat code extension at"
    ),
    against_directly=_words("for about"),
    units=_words(
        "year years year-old dollar dollars cent cents pound pounds euro euros percent times"
        " second seconds minute minutes hour hours day days week weeks month months o'clock am pm"
        " inch inches foot feet yard yards mile miles meter meters metre metres kilometers"
        " kilometres centimeters millimeters gram grams kilo kilos kilograms liter liters litre"
        " litres degrees vision train flight bus hundred thousand million billion trillion"
    ),
    going_on=_words(
        "and but so because as if than when while where until till was were is are has had did will"
        " would could should can the this that these there he she it we they you i my his her our"
        " their its who which what in on at by for with from to into before after since during"
        " about not then"
    ),
    months=_ENGLISH_MONTHS,
    zeros=_words("oh o"),
)
# "Hij acht het mogelijk", "Neem dat in acht", "Geef acht!"
_DUTCH_ACHT = NotNumber(
    before=_words("slaan genomen gelaten"),
    idioms=(
        (
            _words("ik hij zij ze u men rechtbank rechter"),
            _words("het de dat dit deze die hem haar hen mij ons u zich een geen"),
        ),
        (
            _words("in geef geeft geven gaf gaven sla slaat slaan sloeg buiten geen"),
            _words("op te neem neemt nemen nam laat laten") | {""},
        ),
    ),
)
# "Nimm dich in acht", "Gib acht!"
_GERMAN_ACHT = NotNumber(
    before=_words("geben gegeben nehmen genommen lassen gelassen"),
    unless_after=_words("der die den alle"),
    idioms=(
        (
            _words("in außer gib gibt gebe gebt geben gab gaben habt hab bitte"),
            _words("auf darauf dass zu nimmt nahm ließ") | {""},
        ),
    ),
)
_GERMAN_VERB = NotNumber(
    only_after=_words("der die das dem den des am im zum vom beim jeder jede jedes jeden")
)

ENGLISH = NumberExceptions(
    scales=_ENGLISH_SCALES,
    multipliers=_HUNDREDS | _ENGLISH_BIG,
    linking=_words("and"),
    point=_words("point"),
    between=_words("between"),
    spoken_zeros=_words("oh o"),
    not_numbers={
        # a pronoun: "no one, two of them"
        "one": NotNumber(
            after=_words(
                "a an the no any some every each this that these those which what another other"
                " only last next first second third right wrong new old big little good bad"
            ),
            unless_before=_HUNDREDS | _ENGLISH_SCALES | {"point"},
            before=_words("of another"),
        ),
        # a unit of time: "a twenty second clip"; the model writes the ordinal with a hyphen
        "second": NotNumber(after=_TENS | _HUNDREDS, unless_before=frozenset({"of"})),
    },
    never=_words("hundreds thousands millions billions trillions"),
    fraction_starts=_words("a one"),
    absorbed_articles=_words("a"),
    absorbing=_HUNDREDS | _ENGLISH_BIG,
    years=_ENGLISH_YEARS,
    decades=frozenset(f"{tens[:-1]}ies" for tens in _TENS),
)

_DUTCH_BIG = _words("miljoen miljard biljoen")
_DUTCH_MONTHS = _words(
    "januari februari maart april mei juni juli augustus september oktober november december"
)
_DUTCH_YEARS = PairedYears(
    recent=_words("19 20"),
    earlier=_words("13 14 15 16 17 18"),
    after=_DUTCH_MONTHS
    | _words(
        "in sinds tot vanaf rond anno jaar begin eind lente zomer herfst winter"
        " geboren overleden gestorven gebouwd opgericht"
    ),
    articles=_words("de het een"),
    ranges=_words("en tot of t/m"),
    perhaps_after=_words("van tussen na"),
    against=_words(
        "kost kosten kostte kostten betaal betaalt betalen betaalde prijs bedrag euro slechts"
        " stand uitslag won wonnen verloor verloren kamer lokaal bus tram trein lijn vlucht spoor"
        " perron nummer nummers bladzijde pagina hoofdstuk kanaal stoel om"
    ),
    against_directly=_words("voor ongeveer"),
    units=_words(
        "jaar jaren euro cent procent keer seconde seconden minuut minuten uur dag dagen"
        " week weken maand maanden meter kilometer centimeter millimeter gram kilo liter graden"
        " honderd duizend miljoen miljard biljoen"
    ),
    going_on=_words(
        "en maar dus want omdat als dan toen terwijl waar tot is was waren zijn heeft had hadden"
        " wordt werd zal zou kan kon de het dit dat deze die er hij zij ze wij we jij je u ik mijn"
        " zijn haar ons onze hun in op om bij voor met van uit naar na sinds tijdens over niet"
    ),
    months=_DUTCH_MONTHS,
)

DUTCH = NumberExceptions(
    scales=_DUTCH_BIG | {"procent"},
    multipliers=_words("honderd duizend") | _DUTCH_BIG,
    linking=_words("en"),
    point=_words("komma"),
    between=_words("tussen"),
    is_unit_first=True,
    not_numbers={"acht": _DUTCH_ACHT},
    articles=_words("een"),
    fraction_starts=_words("een één twee drie vier vijf zes zeven acht negen"),
    absorbed_articles=_words("een"),
    absorbing=_DUTCH_BIG,
    years=_DUTCH_YEARS,
)

_FRENCH_NUMBERS = _words(
    "zéro un deux trois quatre cinq six sept huit neuf dix vingt trente quarante cinquante soixante"
    " quatre-vingt septante huitante octante nonante cent cents mille virgule et"
)

# "un mètre neuf" is a measure, "un chapitre neuf" no new one
_FRENCH_COUNTED = _words(
    "euro franc dollar mètre kilo litre degré million milliard numéro chapitre jour mois an moins"
    " plus"
)

_FRENCH_BIG = _words("million millions milliard milliards billion billions")

FRENCH = NumberExceptions(
    scales=_FRENCH_BIG,
    multipliers=_words("cent cents mille") | _FRENCH_BIG,
    linking=_words("et"),
    point=_words("virgule"),
    between=_words("entre"),
    linked=frozenset({1, 11}),
    is_zero_joined=True,
    not_numbers={
        "cent": NotNumber(after=_words("pour")),
        # "un livre neuf", a new book: the adjective comes after its noun
        "neuf": NotNumber(
            after=_words("flambant"),
            before=frozenset({""}),
            unless_after=_FRENCH_NUMBERS | _FRENCH_COUNTED,
            noun_after=_words("un mon ton son cet"),
        ),
    },
    articles=_words("un une"),
    fraction_starts=_words("un"),
)

_GERMAN_BIG = _words("million millionen milliarde milliarden billion billionen")

GERMAN = NumberExceptions(
    scales=_GERMAN_BIG | {"prozent"},
    multipliers=_words("hundert tausend") | _GERMAN_BIG,
    linking=_words("und"),
    point=_words("komma"),
    between=_words("zwischen"),
    is_unit_first=True,
    absorbed_articles=_words("eine einer"),
    absorbing=_GERMAN_BIG,
    # "Ich achte dich"
    not_numbers={"acht": _GERMAN_ACHT, "achte": _GERMAN_VERB, "achten": _GERMAN_VERB},
    articles=_words("ein"),
)

EXCEPTIONS: Mapping[str, NumberExceptions] = {
    "en": ENGLISH,
    "nl": DUTCH,
    "fr": FRENCH,
    "de": GERMAN,
}
