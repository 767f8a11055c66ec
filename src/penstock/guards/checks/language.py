"""The check of a text's language, local and without a model: ``penstock.language``, which also answers Portkey's
``portkey.language``. Source: docs/guardrails.md#languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.guards.base import Check, CheckError, Context, Judgement, Prepared, could_not
from penstock.guards.detect.language import LANGUAGES, guess
from penstock.guards.parameters import Parameters
from penstock.guards.patterns import excerpt

_LEAST_CHARACTERS: Final = 20
_LEAST_CONFIDENCE: Final = 0.2
_THREE_LETTERS: Final[Mapping[str, str]] = dict(
    pair.split("=")
    for pair in """
    eng=en deu=de fra=fr spa=es ita=it por=pt nld=nl swe=sv dan=da nob=no nor=no fin=fi pol=pl ces=cs slk=sk ron=ro
    hun=hu tur=tr ind=id vie=vi cat=ca hrv=hr rus=ru ukr=uk bul=bg srp=sr arb=ar ara=ar pes=fa fas=fa urd=ur jpn=ja
    kor=ko zho=zh ell=el heb=he hin=hi ben=bn pan=pa guj=gu tam=ta tel=te kan=kn mal=ml tha=th kat=ka hye=hy
    """.split()
)
"""Codes of three letters, as Portkey's check has them before the script (``eng_Latn``)."""


def _codes(parameters: Parameters, name: str) -> frozenset[str]:
    """The languages of a parameter, by their codes of two letters."""
    codes = set()
    if not parameters.has(name):
        parameters.complain(name, "Required: a list of languages")
    for each in parameters.texts(name):
        code = each.lower().replace("-", "_").partition("_")[0]
        code = _THREE_LETTERS.get(code, code)
        if code not in LANGUAGES:
            parameters.complain(
                name, f"the language '{each[:20]}' is not told: there are {', '.join(sorted(LANGUAGES))}"
            )
        codes.add(code)
    return frozenset(codes)


def _language(parameters: Parameters) -> Prepared:
    languages, inverts = _codes(parameters, "languages"), parameters.switch("not")
    confidence = parameters.number("minConfidence", _LEAST_CONFIDENCE, least=0) or 0
    characters = int(parameters.number("minCharacters", _LEAST_CHARACTERS, least=1) or 0)

    def judge(context: Context) -> Judgement:
        text = context.text
        if len(text) < characters:
            return could_not(f"The text has fewer than {characters} characters: its language can't be told.")
        found = guess(text)
        if not found.language or found.confidence < confidence:
            return could_not("The language of the text can't be told with confidence.")
        verdict = (found.language in languages) is not inverts
        return Judgement(verdict, {"language": found.language, "confidence": round(found.confidence, 2)})

    return Prepared(judge)


def _portkey_language(parameters: Parameters) -> Prepared:
    languages, inverts = _codes(parameters, "language"), parameters.switch("not")
    allowed = parameters.texts("language")

    def judge(context: Context) -> Judgement:
        text = context.text
        found = guess(text)
        if not found.language:
            # The verdict of Portkey's own check is true then.
            return Judgement(verdict=True, error=CheckError("There is no text whose language can be told."))
        verdict = (found.language in languages) is not inverts
        data = {
            "verdict": verdict,
            "not": inverts,
            "explanation": f"The language of the text is {'' if found.language in languages else 'not '}in the list.",
            "analysis": [{"label": found.language, "score": round(found.confidence, 2)}],
            "detectedLanguage": found.language,
            "allowedLanguages": list(allowed),
            "textExcerpt": excerpt(text),
        }
        return Judgement(verdict, data)

    return Prepared(judge)


CHECKS: Final = (Check("penstock.language", _language), Check("portkey.language", _portkey_language))
