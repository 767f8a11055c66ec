"""The languages of sentences, and of texts that say too little."""

from __future__ import annotations

import pytest

from penstock.guards.detect.language import LANGUAGES, UNKNOWN, guess

SENTENCES = {
    "en": "Please tell me how the weather will be in the mountains tomorrow.",
    "de": "Bitte sag mir, wie das Wetter morgen in den Bergen sein wird.",
    "fr": "Dites-moi s'il vous plaît quel temps il fera demain dans les montagnes.",
    "es": "Por favor, dime qué tiempo hará mañana en las montañas y si está nevando.",
    "it": "Per favore dimmi che tempo farà domani in montagna e se il sentiero è aperto.",
    "pt": "Por favor, diga-me como estará o tempo amanhã nas montanhas e se não vai chover.",
    "nl": "Vertel me alsjeblieft hoe het weer morgen in de bergen zal zijn en of het regent.",
    "sv": "Berätta för mig hur vädret blir i bergen i morgon och om det kommer att snöa.",
    "da": "Fortæl mig hvordan vejret bliver i bjergene i morgen og om der kommer sne af den slags.",
    "fi": "Kerro minulle, millainen sää on huomenna vuorilla ja sataako siellä lunta, kun olen perillä.",
    "pl": "Powiedz mi, proszę, jaka będzie jutro pogoda w górach i czy będzie padać śnieg.",
    "cs": "Řekni mi prosím, jaké bude zítra počasí na horách a jestli bude sněžit, když jsem tam.",
    "ro": "Spune-mi, te rog, cum va fi vremea mâine la munte și dacă o să ningă pentru că mergem.",
    "hu": "Kérlek, mondd meg, hogy milyen lesz holnap az idő a hegyekben, és hogy esik-e a hó.",
    "tr": "Lütfen bana yarın dağlarda havanın nasıl olacağını ve kar yağıp yağmayacağını söyle.",
    "id": "Tolong beri tahu saya bagaimana cuaca di pegunungan besok dan apakah akan turun salju.",
    "vi": "Xin hãy cho tôi biết thời tiết ngày mai trên núi sẽ như thế nào và có tuyết không.",
    "ru": "Скажи мне, пожалуйста, какая завтра будет погода в горах и пойдёт ли снег.",
    "uk": "Скажи мені, будь ласка, яка завтра буде погода в горах і чи піде сніг.",
    "bg": "Кажи ми, моля, какво ще бъде времето утре в планината и дали ще вали сняг.",
    "ar": "من فضلك أخبرني كيف سيكون الطقس غدا في الجبال وهل سيتساقط الثلج على الطريق",
    "fa": "لطفا به من بگو که فردا هوا در کوه چطور است و آیا برف می‌بارد",
    "ur": "براہ کرم مجھے بتائیں کہ کل پہاڑوں میں موسم کیسا ہو گا اور کیا برف پڑے گی",
    "ja": "明日の山の天気はどうなるか、雪が降るかどうか教えてください。",
    "zh": "请告诉我明天山里的天气怎么样，会不会下雪。",
    "ko": "내일 산의 날씨가 어떨지, 눈이 올지 알려 주세요.",
    "el": "Πες μου, σε παρακαλώ, πώς θα είναι ο καιρός αύριο στα βουνά.",
    "he": "בבקשה תגיד לי איך יהיה מזג האוויר מחר בהרים",
    "hi": "कृपया मुझे बताएं कि कल पहाड़ों में मौसम कैसा रहेगा",
    "th": "กรุณาบอกฉันว่าพรุ่งนี้อากาศบนภูเขาจะเป็นอย่างไร",
}


@pytest.mark.parametrize(("language", "text"), SENTENCES.items())
def test_sentences(language: str, text: str) -> None:
    found = guess(text)
    assert found.language == language
    assert found.confidence >= 0.2


def test_texts_that_say_too_little() -> None:
    assert guess("") == guess("12:30 ... !") == UNKNOWN
    assert guess("xkcd qwfp").language == ""
    assert guess("de").confidence < 0.2


def test_a_text_in_two_scripts() -> None:
    found = guess("東京タワーはどこですか (Tokyo Tower)")
    assert (found.language, found.confidence < 1) == ("ja", True)


def test_a_long_text_is_looked_at_from_its_beginning() -> None:
    assert guess("The boat is in the harbour. " * 1000 + SENTENCES["de"] * 1000).language == "en"


def test_every_language_has_a_code_of_two_letters() -> None:
    assert all(len(each) == 2 and each.islower() for each in LANGUAGES)
