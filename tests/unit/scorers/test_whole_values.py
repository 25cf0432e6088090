"""A value counts where it stands whole; nothing else is right for it."""

# ruff: noqa: E501, RUF001 - tables of texts in many languages

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stressbench.errors import SuiteError
from stressbench.scorers.base import check, load
from tests.cases import CASE

RIGHT = {
    "5": ["5 apples", "(5)", "5,", "x=5", "**5**", "$5$", "5.0", "+5", "#### 5", "$5", "答えは5です", "共5个", "٥", "5개입니다"],
    "-5": ["\u22125", "It is -5.", "x=-5", "\uff0d5", "-5.0"],
    "1234": ["1,234", "1 234", "1\u202f234", "1'234", "1,234.00", "1234 people"],
    "1234567": ["12,34,567", "1,234,567"],
    "0.5": [".5", "0.50"],
    ".5": ["0.5"],
    "482913": ["Code:482913", "code=482913", "`482913`", "482,913", "４８２９１３", "4\u200b82913", "答案:482913", "482913입니다"],
    "12:30": ["at 12:30.", "12:30 pm"],
    "$5": ["It costs $5.", "\\$5"],
    "5%": ["It is 5%.", "５％"],
    "<5": ["It is <5.", "< 5", "x is < 5"],
    "5 %": ["5%", "5 %", "It is 5%."],
    "a+b": ["a + b", "It is a + b."],
    "-8": ["答案是-8。"],
    "¥300": ["価格は¥300です。"],
    "上海": ["会议在上海举行。"],
    "김민수": ["김민수가 가지고 있습니다."],
    "지훈": ["지훈이 가지고 있습니다."],
    "Mombasa": ["Jibu ni Mombasa."],
    "O'Neill": ["O`Neill"],
    "C++": ["C++.", "`C++`", "C++/Java"],
    "C": ["C.", "(C)", "C) x", "Answer: C", "'C'", "答案是C", "정답은 C입니다"],
    "O-": ["Type O- blood", "O\u2212"],
    ">": [">"],
    "👍": ["Yes 👍"],
    "東京": ["答えは東京です。", "東京である。", "日本の首都は東京", "「東京」です", "**東京**です"],
    "パリ": ["答えはパリです。", "パリだ"],
    "北京": ["首都是北京。", "北京是中国的首都", "答案：北京"],
    "水": ["答案是水。", "水です"],
    "서울": ["서울입니다.", "답은 서울이다", "'서울'입니다", "수도는 서울이고"],
    "กรุงเทพ": ["คำตอบคือกรุงเทพ", "กรุงเทพครับ"],
    "ວຽງຈັນ": ["ຄຳຕອບຄືວຽງຈັນ"],
    "ភ្នំពេញ": ["ចម្លើយគឺភ្នំពេញ។"],
    "ရန်ကုန်": ["အဖြေမှာ ရန်ကုန် ဖြစ်သည်။", "အဖြေကရန်ကုန်ပါ"],
    "Paris": ["Answer:Paris", "city:Paris;", "Paris.It is", "Paris/France", "_Paris_", "Paris—the capital", "答案是Paris。",
              "Paris'tir.", '{"city":"Paris"}', "It's Paris, not London.", "Is it Paris or Rome? It is Paris."],
    "Italie": ["C'est l’Italie."],
    "O'Brien": ["O’Brien", "OʼBrien"],
    "दिल्ली": ["उत्तर दिल्ली है।"],
    "القاهرة": ["الجواب هو القاهرة."],
    "The Who": ["Who"],
    "The The": ["It is The The."],
    "a banana": ["It is a banana", "banana"],
    "A": ["The answer is A.", "A) foo"],
    "I": ["(I)", "The answer is I."],
    "yes": ["Yes, it is"],
    "no": ["No, it isn't"],
    "Washington, D.C.": ["It is Washington, D.C., in the US"],
    "a/b": ["a / b"],
    "foo_bar": ["`foo_bar`", "foo\\_bar"],
}  # fmt: skip
WRONG = {
    "5": ["-5", "\u22125", "5 %", "5%", ".5", "<5", "≥5", "5,000", "5 000", "5'000", "1,5", "5.5", "5th", "5x", "5e3", "5²", "5^2",
          "2^5", "1/5", "5:30", "5-6", "v5", "5 million", "minus 5", "5万", "负5", "5½", "-$5", "±5", "2*5", "5_000", "5×10^3"],
    "-5": ["5", "10-5", "-5.5", "-15", "-5%"],
    "234": ["1,234", "234,000", "1 234"],
    ".5": ["5", "-.5", "1.5", "0.05"],
    "482913": ["A482913", "482913-2", "4829131", "0482913", "482913.5", "#482913", "482_913"],
    "1.2": ["1.2.3", "v1.2", "1.20.1"],
    "12": ["12:30", "2024-12-01", "12/25"],
    "$5": ["5 %", "€5", "5", "US$5", "-$5"],
    "5%": ["5", "15%", "5‰"],
    "<5": [">5", "5", "<=5", "< 5.5", "> 5"],
    "a+b": ["a + b + c", "a - b", "2a + b"],
    "A+": ["A + B"],
    "-8": ["北京-8", "A-8"],
    "src/main.rs": ["lib/src/main.rs", "src/main.rs/x"],
    "上海": ["上海大学"],
    "전문": ["전문가 있습니다"],
    "호랑": ["호랑이 있습니다"],
    "Lyon": ["ce n'est ni Paris ni Lyon", "ni Paris ni Lyon"],
    "C++": ["C", "C#", "C++11"],
    "C": ["C++", "C#", "C-", "ABC", "c_x"],
    "O-": ["O+", "O", "AO-"],
    ">": ["<", ">="],
    "👍": ["👎", "👍🏽"],
    "कि": ["का", "किताब"],
    "กิน": ["กัน", "กินข้าว"],
    "東京": ["東京都", "東京タワー", "南東京", "東京大学", "東京ではありません", "東京2020", "東京市"],
    "パリ": ["パリス", "アパリ", "パリ市"],
    "さくら": ["さくらんぼ"],
    "北京": ["北京市", "不是北京", "北京人", "北京大学", "南北京"],
    "水": ["水果", "香水", "水曜日"],
    "서울": ["서울시", "서울대학교", "서울이 아닙니다", "남서울"],
    "กรุงเทพ": ["กรุงเทพมหานคร", "ไม่ใช่กรุงเทพ"],
    "42": ["42万", "42억", "百42", "42.5", "マイナス42", "42分之1"],
    "Paris": ["Parisian", "Paris-based", "paris.fr", "paris@x.com", "Not Paris.", "It isn't Paris", "nicht Paris", "pas Paris",
              "no es Paris", "не Paris", "Parisではありません", "Paris değil", "Not **Paris**", "Paris is wrong", "n’est pas Paris"],
    "O'Brien": ["Brien", "OBrien"],
    "The Who": ["I know who it is"],
    "The The": ["the", "The"],
    "A minor": ["E minor"],
    "Vitamin A": ["Vitamin", "Vitamin C"],
    "A": ["A banana", "A-"],
    "I": ["I think it is II"],
    "yes": ["no, not yes", "yesterday"],
    "R": ["R&D"],
    "3/4": ["13/4", "3/40"],
    "foo": ["foo_bar", "foo-bar", "foo.bar"],
    "007": ["7"],
}  # fmt: skip
TEXT = "abz XY019 éß東京서กи"
plain = st.text(alphabet=TEXT, min_size=1, max_size=12).filter(lambda text: bool(text.strip()))


def score(reference: str, answer: str, scorer: str = "exact_match", **params: bool | str) -> float:
    case = replace(CASE, scorer=scorer, expected=(reference,), scorer_params=dict(params))
    found = load(scorer).score(answer, case, finish_reason="stop").score
    assert found is not None
    return found


@pytest.mark.parametrize("reference", RIGHT)
def test_another_spelling_and_a_sentence_around_are_right(reference: str) -> None:
    around = ["{}", "{}.", "“{}”", "**{}**", " {} \n", "`{}`"]
    for answer in [*RIGHT[reference], *(form.format(reference) for form in around)]:
        assert score(reference, answer) == 1.0, answer


@pytest.mark.parametrize("reference", WRONG)
def test_another_value_is_not_right(reference: str) -> None:
    assert [answer for answer in WRONG[reference] if score(reference, answer)] == []


@pytest.mark.parametrize(
    ("reference", "answer", "mark"),
    [
        ("Paris", "Paris or London or Rome", 1 / 3),
        ("Paris", "It is Paris or London", 1 / 2),
        ("B", "A, B, C or D", 1 / 4),
        ("巴黎", "巴黎或伦敦", 1 / 2),
        ("東京", "東京または大阪です", 1 / 2),
        ("서울", "서울 또는 부산", 1 / 2),
        ("yes", "yes or no", 1 / 2),
    ],
)
def test_several_candidates_share_the_score(reference: str, answer: str, mark: float) -> None:
    assert score(reference, answer) == pytest.approx(mark)


@pytest.mark.parametrize(
    ("reference", "answer", "mark"),
    [("US", "it beats us", 0), ("US", "In the US.", 1), ("May", "I may be wrong", 0), ("IT", "It is", 0)],
)  # fmt: skip
def test_case_counts_where_the_reference_needs_it(reference: str, answer: str, mark: int) -> None:
    assert score(reference, answer, case=True) == mark


def test_strict_compares_every_character() -> None:
    for answer in ("aB-3", "'aB-3'", "The code is aB-3.", "**aB-3**"):
        assert score("aB-3", answer, strict=True) == 1.0
    for answer in ("AB-3", "aB\u20113", "aB-33", "xaB-3", "aB-3-4"):
        assert score("aB-3", answer, strict=True) == 0.0
    assert score("1234", "1,234", strict=True) == 0.0


@pytest.mark.parametrize("params", [{"case": "yes"}, {"strict": 1}, {"casing": True}])
@pytest.mark.parametrize("scorer", ["exact_match", "decode_match"])
def test_wrong_parameters_are_refused(scorer: str, params: dict[str, bool | str]) -> None:
    with pytest.raises(SuiteError, match=next(iter(params))):
        check(scorer, ["x"], params)


@pytest.mark.parametrize(
    ("reference", "answer", "mark"),
    [
        ("café", "cafe\u0301", 1), ("O'Brien", "O’Brien", 1), ("8f3c-11", "8f3c\u201111", 1),
        ("東京", "答えは東京です", 1), ("Hello", "“Hello”", 1), ("cat", "concat", 0),
        ("कि", "किताब", 0), ("Hello", "hello", 0), ("5", "-5", 0), ("東京", "東京都", 0),
    ],
)  # fmt: skip
def test_decoding_goes_by_the_same_rules(reference: str, answer: str, mark: int) -> None:
    assert score(reference, answer, "decode_match") == mark


@pytest.mark.parametrize("scorer", ["exact_match", "decode_match"])
@settings(deadline=None)
@given(
    reference=plain, form=st.sampled_from(["{}.", " {}\n", "**{}**", "“{}”", "<b>{}</b>", "`{}`"])
)
def test_blanks_markup_and_a_full_stop_around_change_nothing(
    scorer: str, reference: str, form: str
) -> None:
    try:
        check(scorer, [reference], {})
    except SuiteError:
        assume(False)
    assert score(reference, form.format(reference.strip()), scorer) == 1.0


@pytest.mark.parametrize("scorer", ["exact_match", "decode_match"])
@settings(deadline=None, max_examples=300)
@given(reference=st.text(max_size=40), strict=st.booleans(), case=st.booleans())
def test_any_reference_that_is_accepted_is_right(
    scorer: str, reference: str, *, strict: bool, case: bool
) -> None:
    try:
        check(scorer, [reference], {"strict": strict, "case": case})
    except SuiteError:
        assume(False)
    assert score(reference, reference, scorer, strict=strict, case=case) == 1.0
