"""Function words that are written without a blank beside a value, by script.

They are particles, copulas and prepositions: what may stand beside a value that is whole. Words
that make a longer name (``市``, ``都``, ``人``, ``시``) are none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple


class Particles(NamedTuple):
    """What may stand directly before and after a value of a script."""

    before: re.Pattern[str]
    """Matches the end of the text before a value."""
    after: re.Pattern[str]
    """Matches the start of the text after a value."""
    before_short: re.Pattern[str]
    """As ``before``, for values of one character, which are easily part of a word."""
    after_short: re.Pattern[str]


def _either(before: str, after: str, before_short: str, after_short: str) -> Particles:
    return Particles(
        re.compile(f"(?:{before})$"),
        re.compile(f"(?:{after})"),
        re.compile(f"(?:{before_short})$"),
        re.compile(f"(?:{after_short})"),
    )


def _same(before: str, after: str) -> Particles:
    return _either(before, after, before, after)


_OPEN: Final = "".join(map(chr, range(0xAC00, 0xD7A4, 28)))
"""Korean syllables that end in a vowel, after which the subject has ``가`` and not ``이``.

Nouns such as ``호랑이`` (tiger) end in ``이`` themselves.
"""
_COPULAS: Final = (
    "です|でし[たょ]|である|であ[りっ]|でござい|だ(?:と|っ|け|ろ|$|[^\\w])|では?(?:な|あ)|じゃな"
)
_HAN: Final = _either(
    before="是|为|為|叫|叫做|就在|位于|位於|在|于|於|到|从|從|和|与|與|及|或|或者|选|選|即|乃|答|"
    "は|が|を|に|の|と|も|で|へ|や|から|より|って|まで|つまり|やはり|[\u30a1-\u30ff\u4e00-\u9fff]か",
    after=f"{_COPULAS}|は|が|を|に|で|も|の|と|へ|や(?!く)|から|まで|より|など|って|なの|なん|または|あるいは|もしくは|"
    "是|的|和|与|與|及(?!其他)|或|在|为|為|吧|呢|啊|哦|了|也|等|就|不(?:是|在)|而|并|且|位于|位於|作为|作為|因|举行|舉行|举办|舉辦|召开|召開|"
    "发生|發生|出生|工作|生活|居住|赢得|贏得|获得|獲得|负责|負責|拥有|擁有|发明|發明|担任|擔任|提出|"
    "か(?=[\u30a1-\u30fa\u4e00-\u9fff])",
    before_short="是|为|為|选|選|は|が|答|[^不]就是",
    after_short=f"{_COPULAS}|は(?!ん)|を|。|吧|呢",
)
_KANA: Final = _either(
    before="[はがをにのともでへや]|から|より|って|まで|是|为|為|叫",
    after=f"{_COPULAS}|[はがをにでもと](?![ぁ-ゖー]{{0,1}}$)|[はがをにの]|か(?=[\u30a1-\u30fa\u4e00-\u9fff])|から|まで|など|って|なの|なん|または|あるいは|もしくは|是|的|和",
    before_short="[はが]|是",
    after_short="です|でした|である",
)
_HANGUL: Final = _same(
    before=r"(?!)",
    after="(?:(?:이|)(?:입니다|었습니다|였습니다|었다|였다|다|에요|예요|며|고|라고|라는|란|라|지요?|죠|네요?|"
    "군요?|거든요?|니까|므로|야|었고|였고|어서|어요|여서|자)(?:만)?|은|는|을|를|의|와|과|로|으로|에서|에|에는|부터|까지"
    "|이?랑|요|이나|나|인데요?|이?ㅂ니다)(?![가-힣])"
    f"|(?:(?<=[{_OPEN}])가|(?<![{_OPEN}쟁뱅둥팽챙숭렁랑린청덩멩퉁])(?<!고양)이) (?=[가-힣])",
)
_THAI: Final = _same(
    before="คือ|เป็น|ที่|ใน|ว่า|ชื่อ|และ|หรือ|ของ|จาก|ได้แก่|อยู่ที่|ประเทศ|แก่|กับ|ถึง",
    after="ครับ|ค่ะ|คะ|นะ|เป็น|คือ|และ|หรือ|ที่|ของ|จ้ะ|อยู่|ซึ่ง|ใน|ได้|แล้ว|เท่านั้น|ๆ|ฯ|ก็|จึง|มี",
)
_LAO: Final = _same(
    before="ແມ່ນ|ຄື|ຢູ່|ໃນ|ວ່າ|ຊື່|ແລະ|ຫຼື|ຂອງ|ເປັນ|ຈາກ",
    after="ແມ່ນ|ເປັນ|ແລະ|ຫຼື|ຂອງ|ເດີ້|ຢູ່|ໃນ|ທີ່|ຄື|ໆ|ຯ",
)
_KHMER: Final = _same(
    before="គឺ|ជា|នៅ|ក្នុង|ថា|ឈ្មោះ|និង|ឬ|របស់|ពី|ទី",
    after="ជា|គឺ|និង|ឬ|របស់|នៅ|ក្នុង|ដែល|ទេ|បាន|ៗ",
)
_BURMESE: Final = _same(
    before="သည်|မှာ|က|ကား|နှင့်|၏|တွင်|သို့မဟုတ်",
    after="(?:ဖြစ်|သည်|ပါ|တယ်|မှာ|နှင့်|ကို|တွင်|၏|မှ|က|လို့|ဟု|သို့မဟုတ်)(?![\u102b-\u103e])",
)

_RANGES: Final = (
    ("han", "\u2e80-\u2fdf\u3005-\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"),
    ("kana", "\u3041-\u309f\u30a1-\u30ff\u31f0-\u31ff"),
    ("hangul", "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"),
    ("thai", "\u0e01-\u0e4e"),
    ("lao", "\u0e81-\u0eff"),
    ("khmer", "\u1780-\u17d3"),
    ("burmese", "\u1000-\u103f\u1050-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"),
)  # fmt: skip
PARTICLES: Final[Mapping[str, Particles]] = {
    "han": _HAN,
    "kana": _KANA,
    "hangul": _HANGUL,
    "thai": _THAI,
    "lao": _LAO,
    "khmer": _KHMER,
    "burmese": _BURMESE,
}
SCRIPT: Final = re.compile("|".join(f"(?P<{name}>[{chars}])" for name, chars in _RANGES))
UNSPACED: Final = re.compile(
    "[" + "".join(chars for name, chars in _RANGES if name != "hangul") + "]"
)
"""A character of a script that is written without blanks between words."""


def script_of(char: str) -> str | None:
    """Return the script of a letter if words touch in it; None for every other character."""
    if char < "\u0e00":
        return None
    found = SCRIPT.match(char)
    return found.lastgroup if found else None
