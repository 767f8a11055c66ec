"""The language of a text: by the script that it is written in, and within a script by the words that every text of a
language has. No model, no table of others: the words are the commonest of each language.

It tells the languages of whole sentences well, and of a few words badly: ``Guess.confidence`` says how far the best is
ahead of the second.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Final

import msgspec

_LONGEST: Final = 4000
"""Characters of a text that are looked at: its beginning."""
_WORD: Final = re.compile(r"[^\W\d_]+")
_MARK_WEIGHT: Final = 0.5
"""What a word with a letter that only some languages have counts, beside a common word."""

_SCRIPTS: Final[tuple[tuple[str, str, str], ...]] = (
    ("hiragana", "぀-ゟ", "ja"),
    ("katakana", "゠-ヿ", "ja"),
    ("hangul", "가-힣ᄀ-ᇿ", "ko"),
    ("han", "㐀-䶿一-鿿", "zh"),
    ("greek", "Ͱ-Ͽἀ-῿", "el"),
    ("hebrew", "֐-׿", "he"),
    ("arabic", "؀-ۿݐ-ݿ", ""),
    ("cyrillic", "Ѐ-ӿ", ""),
    ("devanagari", "ऀ-ॿ", "hi"),
    ("bengali", "ঀ-৿", "bn"),
    ("gurmukhi", "਀-੿", "pa"),
    ("gujarati", "઀-૿", "gu"),
    ("tamil", "஀-௿", "ta"),
    ("telugu", "ఀ-౿", "te"),
    ("kannada", "ಀ-೿", "kn"),
    ("malayalam", "ഀ-ൿ", "ml"),
    ("thai", "฀-๿", "th"),
    ("georgian", "Ⴀ-ჿ", "ka"),
    ("armenian", "԰-֏", "hy"),
    ("latin", "A-Za-zÀ-ɏḀ-ỿ", ""),
)
"""Scripts: a name, the characters, and the language that a text in it has; empty where there are several."""
_SCRIPT: Final = re.compile("|".join(f"(?P<{name}>[{letters}])" for name, letters, _ in _SCRIPTS))
_LANGUAGE_OF: Final = {name: language for name, _, language in _SCRIPTS}

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "latin": {
        "en": "the and of to in is that it you for was with are this have not be on we at they from or by an will can",
        "de": "der die das und ist nicht ich ein eine zu mit auf für den dem sie wir von es auch sich wie bei wird",
        "fr": "le la les des et est une un dans que qui pour pas vous nous avec sur ce au du il elle sont mais être",
        "es": "el los las una de que y en no es por con para su lo como más pero sus este está al se muy también",
        "it": "il di che non per una sono con del della gli è un le anche più come ma questo si alla nel mi ho i",
        "pt": "o os de que não uma um para com é em por mais do da como mas foi são você ao está também pelo as",
        "nl": "de het een en van ik is niet dat op te zijn voor met je maar die wij hij aan ook er als wordt naar",
        "sv": "och att det som en är på för med inte av till den jag har om ett vi så men kan från var ska",
        "da": "og at det er en på for ikke med af til den jeg har som et vi så men kan fra var de skal blev",
        "no": "og at det er en på for ikke med av til den jeg har som et vi så men kan fra var de skal ble etter",
        "fi": "ja on ei että se hän oli ovat mutta kun niin myös tai jos kuin mitä minä olen tämä joka voi ole",
        "pl": "nie to się na jest że do z w jak co ale po tak za od czy dla ma są przez był może tego jego oraz",
        "cs": "je se na to že v s z do ale jak co by tak jsem pro ve si jeho které nebo když jsou být už",
        "sk": "je sa na to že v s z do ale ako čo by tak som pre vo si jeho ktoré alebo keď sú byť už",
        "ro": "și de la în nu este cu pe că un o din mai sunt pentru ce care fi dar am după prin acest lor",
        "hu": "a az és hogy nem is egy van ez meg de csak mint azt volt ha már vagy lesz kell még olyan minden",
        "tr": "bir ve bu da de için ile ne var daha çok gibi olarak ama değil kadar ben o sonra olan mi her",
        "id": "yang dan di ini itu dengan untuk tidak dari dalam akan pada saya ada juga ke karena bisa oleh kami",
        "vi": "và của là có không được cho một người các trong đã những này với tôi khi để đến về cũng như bạn",
        "ca": "el la els les i de que en una és per amb no del al com més però són aquest també molt seva",
        "hr": "i je u na da se nije su za od koji što kako ali bi sam to sa iz po ili biti već samo",
    },
    "cyrillic": {
        "ru": "и в не на что с он как это по но она к у вы за так из его все я было для от мы же бы то если",
        "uk": "і в не на що з він як це по але вона до у ви за так із його все я було для від ми є та або",
        "bg": "и в не на че с той как това по но тя към у за така от неговия всичко аз беше да ние е са се ще",
        "sr": "и у не на да је се он како то по али она за тако из његов све ја било од ми су са или што",
    },
    "arabic": {
        "ar": "في من على أن إلى هذا هذه التي الذي كان ما لا مع عن هو هي بعد قد كل أو",
        "fa": "و در به از که این را با است برای آن می یک بود هم تا شد خود کرد ها",
        "ur": "کے میں کی ہے اور سے کا کو اس نے پر یہ ہیں کہ تھا بھی ایک نہیں جو ہو",
    },
}
"""By script, the commonest words of each language."""
_MARKS: Final[Mapping[str, Mapping[str, str]]] = {
    "latin": {
        "de": "ßüöä", "fr": "çœêùèâ", "es": "ñ¿", "it": "ìò", "pt": "ãõç", "sv": "åäö", "da": "æø", "no": "æø",
        "fi": "äö", "pl": "łżźśćńęą", "cs": "ěřů", "sk": "ľĺŕô", "ro": "ășțâ", "hu": "őű", "tr": "ğışİ",
        "vi": "ơưđạảấầậắặế", "ca": "ŀ", "hr": "đčćžš",
    },
    "cyrillic": {"uk": "іїєґ", "ru": "ыэё", "sr": "љњђћџј", "bg": "ъ"},
    "arabic": {"fa": "پچژگ", "ur": "ٹڈڑںے", "ar": "ةىأإ"},
}  # fmt: skip
"""By script, letters that speak for a language."""


class Guess(msgspec.Struct, frozen=True):
    """The language of a text, as a code of ISO 639-1, empty where it can't be told. ``confidence`` is from 0 to 1."""

    language: str
    confidence: float


UNKNOWN: Final = Guess("", 0.0)
LANGUAGES: Final = frozenset(
    {language for _, _, language in _SCRIPTS if language} | {each for words in _WORDS.values() for each in words}
)
"""The languages that are told."""


@cache
def _languages_of(script: str) -> Mapping[str, tuple[str, ...]]:
    """A word -> the languages that it is common in."""
    found: dict[str, list[str]] = {}
    for language, words in _WORDS[script].items():
        for word in words.split():
            found.setdefault(word, []).append(language)
    return {word: tuple(languages) for word, languages in found.items()}


def guess(text: str) -> Guess:
    """The language that most of a text is in."""
    text = text[:_LONGEST]
    scripts = Counter(match.lastgroup or "" for match in _SCRIPT.finditer(text))
    if not scripts:
        return UNKNOWN
    # A Japanese text is half in Han, and no other language is written with kana.
    if scripts["hiragana"] + scripts["katakana"] > scripts["han"] / 10 and scripts["han"]:
        scripts["hiragana"] += scripts.pop("han") + scripts.pop("katakana", 0)
    [(script, number)] = scripts.most_common(1)
    share = number / sum(scripts.values())
    if _LANGUAGE_OF[script]:
        return Guess(_LANGUAGE_OF[script], share)
    found = _by_words(text, script)
    return Guess(found.language, found.confidence * share)


def _by_words(text: str, script: str) -> Guess:
    """The language of a text in a script that several languages share."""
    common, marks = _languages_of(script), _MARKS[script]
    scores: Counter[str] = Counter()
    for match in _WORD.finditer(text.lower()):
        word = match[0]
        # A word of many languages says less of each.
        for language in common.get(word, ()):
            scores[language] += 1 / len(common[word])  # type: ignore[assignment]
        for language, letters in marks.items():
            if any(letter in word for letter in letters):
                scores[language] += _MARK_WEIGHT  # type: ignore[assignment]
    ranked = scores.most_common(2)
    if not ranked:
        return UNKNOWN
    language, best = ranked[0]
    second = ranked[1][1] if len(ranked) > 1 else 0
    return Guess(language, (best - second) / best)
