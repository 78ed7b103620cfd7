"""What text2num does not know about each language, word by word."""

from __future__ import annotations

from collections.abc import Mapping

from scribewire.formatting.exceptions import NotNumber, NumberExceptions, PairedYears


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
    scales=_ENGLISH_SCALES | _words("am pm a.m p.m o'clock o\u2019clock"),
    multipliers=_HUNDREDS | _ENGLISH_BIG,
    linking=_words("and"),
    point=_words("point"),
    decimal_mark=".",
    spellings=(("sixtieth", "sixteeth"),),  # as text2num 3.1.0 has it, by mistake
    between=_words("between"),
    ranges=_words("from"),
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
    parts=_words("quarter quarters half halves"),
    pronouns=_words("one"),
    links=_words("or to times plus minus"),
    units=_words("pound pounds euro euros dollar dollars hour hours foot feet"),
    after_times=frozenset({"am", "pm", "a.m", "p.m", "a m", "p m"}),
    before_hours=frozenset({"half past", "quarter past", "quarter to"}),
    months=_ENGLISH_MONTHS,
    before_months=_words("of"),
    before_days=_ENGLISH_MONTHS - {"march", "may"},  # "you may second that"
    absorbed_articles=_words("a"),
    absorbing=_HUNDREDS | _ENGLISH_BIG,
    years=_ENGLISH_YEARS,
    decades=frozenset(f"{tens[:-1]}ies" for tens in _TENS),
)

_DUTCH_ORDINALS = _words("eerste tweede derde vierde vijfde zesde zevende achtste negende tiende")
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
    ranges=_words("van"),
    spellings=(("-en-", "en"), ("tweeen", "tweeën"), ("éen", "één")),
    is_unit_first=True,
    is_first_zero_joined=True,
    not_numbers={
        "acht": _DUTCH_ACHT,
        # "ik vier mijn verjaardag": to celebrate
        "vier": NotNumber(idioms=((_words("ik"), _words("mijn de het dat dit een ons onze")),)),
        "komma": NotNumber(after=_words("en")),
        # "ten derde": thirdly
        **{word: NotNumber(after=_words("ten")) for word in _DUTCH_ORDINALS},
    },
    articles=_words("een"),
    fraction_starts=_words("een één twee drie vier vijf zes zeven acht negen"),
    parts=_words("kwart half halve"),
    links=_words("of tot à keer maal plus min"),
    units=_words("euro uur meter"),
    before_hours=frozenset({"half", "kwart voor", "kwart over"}),
    after_minutes=frozenset({"voor half", "over half"}),
    months=_DUTCH_MONTHS,
    absorbed_articles=_words("een"),
    absorbing=_DUTCH_BIG,
    years=_DUTCH_YEARS,
)

_FRENCH_NUMBERS = _words(
    "zéro un deux trois quatre cinq six sept huit neuf dix vingt trente quarante cinquante soixante"
    " quatre-vingt septante huitante octante nonante cent cents mille virgule et"
)

_FRENCH_OF_HUNDREDS = _words(
    "deux trois quatre cinq six sept huit neuf onze douze treize quatorze quinze seize dix-sept"
    " dix-huit dix-neuf"
)

# "un mètre neuf" is a measure, "un chapitre neuf" no new one
_FRENCH_COUNTED = _words(
    "euro franc dollar mètre kilo litre degré million milliard numéro chapitre jour mois an moins"
    " plus"
)

_FRENCH_MONTHS = _words(
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
)

_FRENCH_BIG = _words("million millions milliard milliards billion billions")

FRENCH = NumberExceptions(
    scales=_FRENCH_BIG,
    multipliers=_words("cent cents mille") | _FRENCH_BIG,
    linking=_words("et"),
    point=_words("virgule"),
    between=_words("entre"),
    ranges=_words("de"),
    spellings=(("zero", "zéro"), ("huitantième", "octantième")),
    linked=frozenset({1, 11}),
    is_zero_joined=True,
    not_numbers={
        "cent": NotNumber(after=_words("pour")),
        # "cinquante cents": the coin, where there are no so many hundreds
        "cents": NotNumber(only_after=_FRENCH_OF_HUNDREDS),
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
    parts=_words("quart quarts tiers demi demie"),
    links=_words("ou à fois plus moins sur"),
    units=_words("euro euros franc francs heure heures mètre mètres"),
    endings=(("ème", "e"), ("èmes", "es"), ("ère", "re"), ("ères", "res")),
    months=_FRENCH_MONTHS,
)

_GERMAN_BIG = _words("million millionen milliarde milliarden billion billionen")

_GERMAN_MONTHS = _words(
    "januar jänner februar märz april mai juni juli august september oktober november dezember"
)

GERMAN = NumberExceptions(
    scales=_GERMAN_BIG | _words("prozent uhr"),
    multipliers=_words("hundert tausend") | _GERMAN_BIG,
    linking=_words("und"),
    point=_words("komma"),
    between=_words("zwischen"),
    ranges=_words("von"),
    spellings=(("fuenf", "fünf"), ("zwoelf", "zwölf"), ("siebente", "siebte")),
    is_unit_first=True,
    absorbed_articles=_words("eine einer"),
    absorbing=_GERMAN_BIG,
    # "Ich achte dich"
    not_numbers={
        "acht": _GERMAN_ACHT,
        "achte": _GERMAN_VERB,
        "achten": _GERMAN_VERB,
        # "Punkt zwei und Punkt drei": no 2.3
        "punkt": NotNumber(after=_words("und")),
        "komma": NotNumber(after=_words("und")),
    },
    articles=_words("ein"),
    parts=_words(
        "halbe drittel viertel fünftel sechstel siebtel achtel neuntel zehntel"
        " hundertstel tausendstel"
    ),
    links=_words("oder bis zu mal plus minus"),
    units=_words("euro franken uhr meter"),
    are_nouns_capital=True,
    before_hours=frozenset({"halb", "viertel", "dreiviertel", "viertel vor", "viertel nach"}),
    after_minutes=frozenset({"vor halb", "nach halb"}),
    months=_GERMAN_MONTHS,
)

EXCEPTIONS: Mapping[str, NumberExceptions] = {
    "en": ENGLISH,
    "nl": DUTCH,
    "fr": FRENCH,
    "de": GERMAN,
}
