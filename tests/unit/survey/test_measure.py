"""Counts, attribution and hot spots: exact sums for any text and any pieces."""

from __future__ import annotations

import base64
import io
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.survey import measure as measuring
from stressbench.survey.kinds import KINDS, blob_spans, kind_array
from stressbench.survey.measure import count_tokens, measure
from stressbench.survey.pieces import pieces
from tests.conftest import examples
from tests.unit.tokens.vocabularies import opened

RNG = random.Random(5)
BLOB = base64.b64encode(RNG.randbytes(120)).decode()


def measured(text, name="o200k_base", **options):
    data = text if isinstance(text, bytes) else text.encode()
    return measure(opened(name), io.BytesIO(data), **options)


def kinds_of(text):
    return {KINDS[kind] for kind in kind_array(text).tolist()}


@pytest.mark.parametrize("name", ["o200k_base", "mistral:v3", "smollm2", "bytes"])
@pytest.mark.parametrize("piece_chars", [7, 1 << 18])
@settings(max_examples=examples(25), deadline=None)
@given(data=st.binary(max_size=120) | st.text(max_size=120).map(str.encode))
def test_kinds_add_up_to_the_whole(name, piece_chars, data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "pieces", lambda source, cut: pieces(source, cut, piece_chars))
        found = measured(data, name, hot_spots=3)
    text = data.decode("utf-8", "replace")
    counts = found.counts
    assert counts.tokens == sum(cost.tokens for cost in found.kinds)
    assert counts.tokens == (len(opened(name).encode(text)) if text else 0)
    assert counts.bytes == len(data)
    assert counts.text_bytes == len(text.encode()) == sum(cost.bytes for cost in found.kinds)
    assert counts.characters == len(text) == sum(cost.characters for cost in found.kinds)
    assert counts.words == len(text.split())
    if name != "smollm2":  # which lacks bytes
        assert counts.roundtrip_ok == (text.encode() == data)
    assert count_tokens(opened(name), io.BytesIO(data)) == counts.tokens


def test_the_byte_tokenizer_counts_bytes():
    found = measured("Straße 的\n", "bytes").counts
    assert found.tokens == found.bytes == 12
    assert found.bytes_per_token == 1.0
    assert found.fertility == 6.0
    assert found.byte_fallback_rate == 5 / 12
    assert found.lines == 1


def test_what_is_nothing_has_no_ratio():
    found = measured("")
    assert found.counts.tokens == found.counts.lines == 0
    assert found.counts.bytes_per_token is None
    assert found.counts.fertility is None
    assert found.kinds == []


def test_malformed_utf8_is_counted_and_does_not_round_trip():
    found = measured(b"abc \xff\xfe \xed\xa0\x80").counts
    assert found.invalid_sequences == 5
    assert not found.roundtrip_ok


def test_a_dropped_byte_is_no_round_trip():
    assert measured("a", "smollm2").counts.roundtrip_ok
    assert not measured("\U00040000", "smollm2").counts.roundtrip_ok


def test_special_bytes_of_a_vocabulary_are_its_fallback():
    assert measured("a", "mistral:v3").counts.byte_tokens == 0
    assert measured("\U0001fae8", "mistral:v3").counts.byte_tokens == 4


def test_hot_spots_are_named_by_place_and_kind():
    text = "Plain words stand here and there.\n" * 30 + f"key {BLOB}\n" + "And more words.\n" * 5
    [first, *_] = measured(text, hot_spots=4).hot_spots
    assert (first.line, first.column, first.kind) == (31, 1, "base64")
    assert first.text == f"key {BLOB}\n"
    assert first.tokens == len(first.token_starts)
    assert first.token_starts[0] == 0


def test_an_even_document_has_no_hot_spots():
    assert measured("same words again\n" * 50, hot_spots=5).hot_spots == []


def test_places_hold_across_pieces_and_in_long_lines(monkeypatch):
    monkeypatch.setattr(measuring, "pieces", lambda source, cut: pieces(source, cut, 64))
    text = "one line of words\n" * 40 + "word " * 100 + BLOB[:60] + " word" * 30 + "\n"
    hot = max(measured(text, hot_spots=9).hot_spots, key=lambda spot: spot.tokens)
    assert hot.line == 41
    assert hot.column <= 501 < hot.column + hot.characters


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("json", 'Here: {"a": [1, 2, {"b": null}], "c": "d"} and on'),
        ("json", '  "name": "x",\n  "size": 4,\n  "tags": [\n    "a"\n'),
        ("json", '"v":1.5,"name":"user 7","open":true},{"id":8,' * 30),
        ("base64", f"see {BLOB} end"),
        ("hex", f"sha {RNG.randbytes(32).hex()} end"),
        ("hex", " ".join(f"{byte:02x}" for byte in range(140, 180))),
        ("code", "import os\n\n\ndef f(x):\n    return os.path(x)\n"),
        ("table", "| a | b |\n|---|---|\n| 1 | 2 |\n"),
        ("table", "id,name,size\n1,a,3\n2,b,4\n3,c,5\n"),
        ("log", "2026-01-02 03:04:05 INFO started\n2026-01-02 03:04:06 WARN slow\n"),
        ("log", "12:01:59 ERROR db-3: timeout\n"),
        ("mixed_script", "send it to p\u0430ypal now"),
        ("styled", "\uff46\uff55\uff4c\uff4c width"),
        ("combining", "Za\u0300\u0301\u0302lgo"),
        ("hidden", "pass\u200bword"),
        ("hidden", "a\x1b[31mb"),
        ("space", "a" + " " * 12 + "b"),
    ],
)
def test_kinds_are_recognised(kind, text):
    assert kind in kinds_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "Prose with a comma, another one, and a third; for example (like this) it goes on.\n" * 3,
        "Paths such as /usr/lib/python3/dist-packages/something/another/thing are no blobs.",
        "AVeryLongCamelCaseIdentifierThatNobodyShouldEverWriteInCode is a word.",
        "12345678901234567890123456789012345678901234567890 is a number.",
        "Russian \u041c\u043e\u0441\u043a\u0432\u0430 and English stand side by side.",
        "caf\u00e9 na\u00efve \u1ec7 e\u0301",
        "A family \U0001f468\u200d\U0001f469\u200d\U0001f467 and a heart \u2764\ufe0f.",
        "See [1], [12] and [3].",
    ],
)
def test_plain_text_is_text(text):
    assert kinds_of(text) == {"text"}


def test_blobs_are_found_once():
    text = f"{BLOB} and {RNG.randbytes(40).hex()}"
    assert [kind for _, kind in blob_spans(text)] == ["base64", "hex"]


def test_json_cut_into_pieces_is_still_json(monkeypatch):
    monkeypatch.setattr(measuring, "pieces", lambda source, cut: pieces(source, cut, 2000))
    rows = [{"id": i, "name": f"user {i}", "v": RNG.random()} for i in range(300)]
    for indent in (None, 2):
        found = measured(json.dumps(rows, indent=indent))
        json_tokens = sum(cost.tokens for cost in found.kinds if cost.kind == "json")
        assert json_tokens > 0.95 * found.counts.tokens
