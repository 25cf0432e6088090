"""Words and signs after a number that change its value, and units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_THOUSAND, _MILLION, _MILLIARD, _BILLION = 10**3, 10**6, 10**9, 10**12
_WORDS: Final[Mapping[int | None, str]] = {
    12: "dozen dozens dutzend",
    100: "hundred hundreds hundert सौ",
    _THOUSAND: "thousand thousands tausend tsd mille mila duizend tusen tusind tisíc tysiąc "
    "tysiące tysięcy tys тысяча тысячи тысяч тыс тис ribu nghìn ngàn พัน "
    "ألف آلاف ألفا हज़ार हजार হাজার ஆயிரம் elfu χιλιάδες אלף",
    10**4: "หมื่น",
    10**5: "lakh lakhs lac lacs लाख লাখ แสน",
    _MILLION: "million millions millionen mio mln mn millón millones milhão milhões milione "
    "milioni miljoen miljon miljoner miljoonaa milion miliony milionów milionu milyon "
    "миллион миллиона миллионов млн мільйон мільйонів juta triệu ล้าน مليون ملايين "
    "εκατομμύρια מיליון दशलक्ष millió",
    10**7: "crore crores करोड़ কোটি",
    _MILLIARD: "milliard milliards milliarde milliarden mrd mld miliard miliardy miliardów "
    "miliardi miliardo miljard miljarder miljardia milyar миллиард миллиарда миллиардов "
    "млрд мільярд мільярдів miliar tỷ tỉ مليار مليارات अरब δισεκατομμύρια מיליארד bilhão "
    "bilhões bn billion billions",
    _BILLION: "billionen billón billones biliões trillion trillions triliun триллион "
    "триллиона триллионов трлн trilhão trilhões trilyon",
    # A thousand in one language and a million in another, or an unnamed power.
    None: "mil bin trillionen trillón trillones quadrillion quintillion zillion biliony",
}
MAGNITUDES: Final = {word: size for size, words in _WORDS.items() for word in words.split()}
"""Words that multiply the number before them; None if languages differ about the size."""
ATTACHED: Final = {"k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9, "G": None, "T": None}
"""Letters that multiply the digits they follow directly."""
EAST_ASIAN: Final = re.compile(
    r" ?(?:(?P<m>十|百(?!分)|千|万|萬|億|亿|兆|만|억|조|천|백)(?![克米瓦卡赫帕伏字比]))"
)
EAST_ASIAN_SIZES: Final = {
    "十": 10, "百": 100, "백": 100, "千": 10**3, "천": 10**3, "万": 10**4, "萬": 10**4,
    "만": 10**4, "億": 10**8, "亿": 10**8, "억": 10**8, "兆": 10**12, "조": 10**12,
}  # fmt: skip

_UNIT_WORDS: Final = {
    "%": "% percent pct prozent pourcent procent процент процента процентов プロセント "
    "パーセント 퍼센트 प्रतिशत",
    "$": "$ us$ usd dollar dollars",
    "€": "€ eur euro euros",
    "£": "£ gbp pound pounds",
    "¥": "¥ ￥ jpy yen",
    "₹": "₹ inr rs rupee rupees",
    "元": "元 cny rmb yuan",
    "₩": "₩ krw won",
    "₽": "₽ rub",
    "CHF": "chf",
    "R$": "r$ brl",
    "km": "km kilometer kilometers kilometre kilometres",
    "m": "m meter meters metre metres",
    "cm": "cm centimeter centimeters centimetre centimetres",
    "mm": "mm millimeter millimeters millimetre millimetres",
    "mi": "mi mile miles",
    "ft": "ft foot feet",
    "in": "inch inches",
    "kg": "kg kilogram kilograms",
    "g": "g gram grams",
    "mg": "mg milligram milligrams",
    "t": "t tonne tonnes",
    "lb": "lb lbs",
    "oz": "oz ounce ounces",
    "l": "l liter liters litre litres",
    "ml": "ml milliliter milliliters",
    "s": "s sec second seconds",
    "ms": "ms millisecond milliseconds",
    "min": "min minute minutes",
    "h": "h hr hrs hour hours",
    "d": "day days",
    "K": "kelvin",
    "Hz": "hz",
    "kHz": "khz",
    "MHz": "mhz",
    "GHz": "ghz",
    "W": "w watt watts",
    "kW": "kw",
    "kWh": "kwh",
    "V": "v volt volts",
    "J": "j joule joules",
    "kB": "kb",
    "MB": "mb",
    "GB": "gb",
    "TB": "tb",
    "km/h": "km/h kmh kph",
    "m/s": "m/s",
    "mph": "mph",
    "‰": "‰",
    "°": "°",
    "°C": "°c ℃",
    "°F": "°f ℉",
}
UNITS: Final = {word: unit for unit, words in _UNIT_WORDS.items() for word in words.split()}
"""Units by their spellings in lower case. A word that is not here is no unit."""
CURRENCIES: Final = "$€£¥￥₹₩₽₺₫฿₴₦₪"
CURRENCY_CODES: Final = re.compile(
    r"(?<![^\W_])(?:(?:US|HK|NT|[RAC])\$|USD|EUR|GBP|JPY|CNY|RMB|INR|CHF|BRL|KRW|RUB|Rs\.?) ?$"
)
ORDINALS: Final = frozenset(
    ["st", "nd", "rd", "th", "er", "ère", "ème", "eme", "e", "º", "ª", "nd", "ste", "de", "й", "я"]
)
"""Endings that make an ordinal of the digits they follow."""
