"""Normalisers: what each does, and that it reports its loss correctly."""

from __future__ import annotations

import base64
import json
import random
import unicodedata
from functools import partial
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stressbench import catalog
from stressbench.errors import UsageError
from stressbench.levers.base import Edit, Normaliser, apply_edits
from stressbench.levers.rewrite.canonical_json import CanonicalJson
from stressbench.levers.rewrite.combining_cap import CombiningCap
from stressbench.levers.rewrite.confusable_skeleton import ConfusableSkeleton, skeleton
from stressbench.levers.rewrite.elide_blobs import ElideBlobs
from stressbench.levers.rewrite.fold_whitespace import FoldWhitespace
from stressbench.levers.rewrite.minify_json import MinifyJson
from stressbench.levers.rewrite.nfkc import Nfkc, normalize
from stressbench.levers.rewrite.strip_hidden import StripHidden
from tests.conftest import examples

NORMALISERS = [
    name
    for name in catalog.names("levers")
    if isinstance(plugin := catalog.load("levers", name), type) and issubclass(plugin, Normaliser)
]
MOSCOW = "\u041c\u043e\u0441\u043a\u0432\u0430"
ODD_CHARACTERS = (
    'ab 1\n\r\t{}[]":,\\\u0301\u0323\u200b\u200d\ufe0f\u00b2\uff46\u0430\u0416\u00a0'
    "\U0001f600\U000e0041\ud800\0\u0627\u1ec7"
)
ODD = st.text(st.sampled_from(ODD_CHARACTERS), max_size=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)  # fmt: skip


def normaliser(name) -> Normaliser:
    return catalog.load("levers", name)()


def test_all_eight_are_found():
    assert len(NORMALISERS) >= 8


@pytest.mark.parametrize("name", NORMALISERS)
@settings(max_examples=examples(80), deadline=None)
@given(text=ODD | st.text(max_size=60))
@example(text="\r \n")
@example(text="\n\r\r\n\n\n")
@example(text="a \r \r\n b\r ")
def test_idempotent_and_true_about_change(name, text):
    once = normaliser(name).rewrite(text)
    twice = normaliser(name).rewrite(once.text)
    assert twice.text == once.text
    assert (once.changes == 0) == (once.text == text)
    assert (once.first_difference is None) == (once.text == text)
    assert once.lossy == (once.loss != "none")
    if once.first_difference is not None:
        found = once.first_difference
        line = text.split("\n")[found.line - 1] + "\n"
        assert (line[found.column - 1 :] + "\n".join(text.split("\n")[found.line :])).startswith(
            found.before
        )


@pytest.mark.parametrize("name", NORMALISERS)
def test_plain_text_is_left_alone(name):
    plain = "Plain prose, nothing else.\n\nA second paragraph: it's 3 < 4 & so on.\n"
    assert normaliser(name).rewrite(plain).text == plain


@settings(max_examples=examples(80), deadline=None)
@given(
    value=st.lists(JSON, min_size=1, max_size=3)
    | st.dictionaries(st.text(max_size=3), JSON, min_size=2)
)
def test_json_rewrites_keep_the_value(value):
    text = "before " + json.dumps(value, indent=3) + " after"
    for rewrite in (MinifyJson().rewrite(text), CanonicalJson().rewrite(text)):
        kept = rewrite.text.removeprefix("before ").removesuffix(" after")
        assert rewrite.text.startswith("before ")
        as_doubles = partial(json.loads, parse_int=float)  # JSON has no integers
        assert as_doubles(kept) == as_doubles(json.dumps(value))
        assert not rewrite.lossy
        assert len(rewrite.text) <= len(text)


def test_minifying_keeps_order_duplicates_escapes_and_digits():
    text = '{ "b" : 1.0, "a": [ 1 , 2 ], "b": 1E400, "c": "\\u00e9 x" }'
    assert MinifyJson().rewrite(text).text == '{"b":1.0,"a":[1,2],"b":1E400,"c":"\\u00e9 x"}'


def test_canonical_json_sorts_by_utf16_and_writes_ecmascript_numbers():
    text = (
        '{"\ufb33": 1.0, "\U0001f600": -0.0, "e": 1e-7, "d": 1E21, '
        '"c": 100000000000000000000.0, "\u20ac": 0.000001}'
    )
    assert CanonicalJson().rewrite(text).text == (
        '{"c":100000000000000000000,"d":1e+21,"e":1e-7,"\u20ac":0.000001,"\U0001f600":0,"\ufb33":1}'
    )


def test_canonical_json_reports_digits_it_loses():
    rewrite = CanonicalJson().rewrite('{"pi": 3.14159265358979323846}')
    assert rewrite.loss == "content"
    assert "3.14159265358979323846" in rewrite.first_difference.why


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1, "a": 22222}', "same key twice"),
        ('{"a": 12345678901234567890}', "exceeds safe integer"),
        ('{"a": 1e999, "b": 1}', "not representable"),
        ('{"a": "\\ud800", "b": 1}', "non-UTF-8"),
    ],
)
def test_canonical_json_leaves_alone_what_the_rfc_cannot_say(text, why):
    rewrite = CanonicalJson().rewrite(text)
    assert rewrite.text == text
    assert any(why in reason for reason in rewrite.skipped)


@settings(max_examples=examples(200), deadline=None)
@given(text=st.text(max_size=40) | ODD)
def test_nfkc_is_unicodes(text):
    assert Nfkc().rewrite(text).text == unicodedata.normalize("NFKC", text)


@pytest.mark.parametrize(
    ("text", "loss"),
    [
        ("x\u00b2", "content"),
        ("\u2460", "content"),
        ("\u00bd", "content"),
        ("\uff46\uff55\uff4c\uff4c", "appearance"),
        ("\U0001d41b\U0001d428\U0001d425\U0001d41d", "appearance"),
        ("\ufb01", "appearance"),
        ("e\u0301", "none"),
        ("plain", "none"),
    ],
)
def test_nfkc_says_what_it_loses(text, loss):
    assert Nfkc().rewrite(text).loss == loss


def test_the_first_difference_is_the_first_of_the_worst():
    found = Nfkc().rewrite("\uff46 one\nand x\u00b2 two").first_difference
    assert (found.line, found.column, found.before, found.after) == (2, 6, "\u00b2", "2")


def test_stacked_marks_are_normalised_in_linear_time():
    run = "e" + "\u0301\u0323" * 30_000
    assert len(normalize(run)) >= len(run) - 2


def test_hidden_characters_go_and_what_spells_or_draws_stays():
    strip = StripHidden()
    assert strip.rewrite("pa\u200bss\u2060word\ufeff").text == "password"
    assert strip.rewrite("a\u200bb").loss == "appearance"
    assert strip.rewrite("a\U000e0041\u202eb").loss == "content"
    for kept in (
        "\U0001f468\u200d\U0001f469",
        "\u2764\ufe0f",
        "\u0645\u06cc\u200c\u062e",
        "1\ufe0f\u20e3",
    ):
        assert strip.rewrite(kept).text == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Za\u0300\u0301\u0302l", "Zal"),
        ("e\u0301", "e\u0301"),
        ("e\u0323\u0302", "e\u0323\u0302"),
        ("\u00e9\u0300\u0301", "e"),
        ("\u0e17\u0e35\u0e48", "\u0e17\u0e35\u0e48"),
    ],
)
def test_letters_keep_two_marks_or_none(text, kept):
    assert CombiningCap().rewrite(text).text == kept


def test_whitespace_folds_but_not_where_it_is_structure():
    fold = FoldWhitespace()
    assert fold.rewrite("a   b \n\n\n\nc\u00a0\u00a0d\r\n").text == "a b\n\nc d\n"
    assert fold.rewrite("a  b").loss == "appearance"
    code = "def f(x):\n    y  =  x\n    return y\n"
    assert fold.rewrite(code).text == code
    assert fold.rewrite('{"a":  "b   c", "d": [1,  2]}').changes == 0


def test_blobs_become_labels_that_tell_them_apart():
    one, two = (base64.b64encode(random.Random(n).randbytes(90)).decode() for n in (1, 2))
    rewrite = ElideBlobs().rewrite(f"a {one} b {two} c {one}")
    labels = [part for part in rewrite.text.split("[") if "sha256" in part]
    assert labels[0][:40] == labels[2][:40] != labels[1][:40]
    assert rewrite.loss == "content"
    assert ElideBlobs(characters=500).rewrite(one).changes == 0


def test_skeletons_are_those_of_uts_39():
    pytest.importorskip("icu")
    assert skeleton("p\u0430yp\u0430l") == skeleton("paypal") == "paypal"
    assert skeleton("m") == skeleton("rn") == "rn"
    assert skeleton("1Il|") == "llll"
    assert ConfusableSkeleton(whole=True).rewrite("m0").text == "rnO"


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("p\u0430yp\u0430l", "paypal"),
        ("\u0405\u0441\u043e\u0440\u0435", "Scope"),
        ("caf\u00e9 m\u00fc\u00dfig", "caf\u00e9 m\u00fc\u00dfig"),
        (f"{MOSCOW} \u043e\u0441\u0430", f"{MOSCOW} \u043e\u0441\u0430"),
        (f"{MOSCOW} p\u0430y", f"{MOSCOW} pay"),
        ("\u65e5\u672c 10\u00b5m", "\u65e5\u672c 10\u00b5m"),
    ],
)  # fmt: skip
def test_lookalikes_fold_where_they_imitate(text, folded):
    pytest.importorskip("icu")
    assert ConfusableSkeleton().rewrite(text).text == folded


@pytest.mark.parametrize(("kind", "value"), [(CombiningCap, -1), (ElideBlobs, 0)])
def test_impossible_parameters_are_usage_errors(kind, value):
    with pytest.raises(UsageError):
        kind(value)


def test_edits_that_change_nothing_count_not():
    rewrite = apply_edits(
        "abc", [Edit(0, 1, "a", "content", ""), Edit(2, 3, "", "appearance", "w")]
    )
    assert (rewrite.text, rewrite.changes, rewrite.loss) == ("ab", 1, "appearance")


def test_folding_white_space_twice_is_folding_it_once_for_every_short_text():
    fold = normaliser("fold_whitespace")
    texts = ("".join(chars) for n in range(1, 6) for chars in product("a \r\n\t", repeat=n))
    unstable = [
        text for text in texts if fold.rewrite(once := fold.rewrite(text).text).text != once
    ]
    assert unstable == []
