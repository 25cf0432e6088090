"""Streaming: the pieces make up the whole text, and their tokens the tokens of the whole."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.survey import pieces as streaming
from stressbench.survey.pieces import TextStream, UncutError, pieces
from stressbench.tokens.tokenizer_json import alternatives, cut_of
from tests.conftest import examples
from tests.unit.tokens.vocabularies import PACKAGED, opened

SEAMS = st.lists(
    st.sampled_from(
        [
            "word",
            "Word",
            " ",
            "  ",
            "\n",
            "\n\n",
            "\r\n",
            "\t",
            "5",
            "123",
            "it's",
            "'ll ",
            ".",
            ");",
            "é",
            "e\u0301",
            "\u200b",
            "的",
            "Ж",
            "\u00a0",
            "x1y2",
            "<image2>",
            "<\uff5cimage2\uff5c>",
            "</s>",
            "AB",
            "aB",
            "_",
            "//",
            "\U0001f600",
            "\u0301",
        ]
    ),
    max_size=40,
).map("".join)


def streamed(text, cut, size=4):
    return list(pieces(TextStream(io.BytesIO(text.encode())), cut, size))


@pytest.mark.parametrize("name", [name for name in PACKAGED if name != "bytes"])
@settings(max_examples=examples(150), deadline=None)
@given(text=SEAMS)
def test_tokens_of_the_pieces_are_the_tokens_of_the_text(name, text):
    vocabulary = opened(name)
    found = streamed(text, vocabulary.cut)
    assert "".join(piece.separator + piece.text for piece in found) == text
    ids = [i for piece in found for i in vocabulary.encode(piece.text)]
    assert ids == (vocabulary.encode(text) if text else [])


@pytest.mark.parametrize("name", PACKAGED)
def test_every_carried_vocabulary_has_a_proven_cut(name):
    cut = opened(name).cut
    assert cut != "nowhere"
    found = streamed("many plain words and 12 numbers\n" * 20, cut, 16)
    assert max(len(piece.text) for piece in found) <= 16


@settings(max_examples=examples(200), deadline=None)
@given(data=st.binary(max_size=200), block=st.integers(1, 7))
def test_blocks_never_show_in_the_text(data, block):
    source = TextStream(io.BytesIO(data))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "_READ_BYTES", block)
        text = "".join(iter(source.read, None))
    assert text == data.decode("utf-8", "replace")
    assert source.bytes_read == len(data)
    assert source.invalid_sequences == text.count("\ufffd") - data.count("\ufffd".encode())


def test_replacement_characters_that_the_file_spells_are_not_malformed():
    source = TextStream(io.BytesIO("a\ufffdb".encode() + b"\xff"))
    assert "".join(iter(source.read, None)) == "a\ufffdb\ufffd"
    assert source.invalid_sequences == 1


def test_a_text_without_a_cut_is_one_piece_up_to_a_limit(monkeypatch):
    assert [piece.text for piece in streamed("a" * 50, "letter")] == ["a" * 50]
    monkeypatch.setattr(streaming, "LONGEST_CHARS", 40)
    with pytest.raises(UncutError, match="50 characters"):
        streamed("a" * 50, "letter")


def test_cuts_beside_line_breaks_are_preferred():
    found = streamed("one two\nthree four five\nsix", "letter", 26)
    assert found[0].text == "one two\nthree four five"


BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False}


@pytest.mark.parametrize(
    ("changes", "cut"),
    [
        ({}, "letter"),
        ({"normalizer": {"type": "NFC"}}, "letter"),
        ({"normalizer": {"type": "Lowercase"}}, "nowhere"),
        ({"model": {"type": "Unigram"}}, "nowhere"),
        ({"pre_tokenizer": None}, "nowhere"),
        ({"pre_tokenizer": {"type": "Whitespace"}}, "nowhere"),
        ({"pre_tokenizer": BYTE_LEVEL | {"add_prefix_space": True}}, "nowhere"),
        ({"added_tokens": [{"content": "<a1>"}]}, "word"),
        ({"added_tokens": [{"content": "a b"}]}, "nowhere"),
        ({"added_tokens": [{"content": "x", "rstrip": True}]}, "nowhere"),
        ({"added_tokens": [{"content": "a b", "special": True}]}, "letter"),
        (
            {
                "pre_tokenizer": {
                    "type": "Split",
                    "pattern": {"Regex": r"\w+ ?"},
                    "behavior": "Isolated",
                }
            },
            "nowhere",
        ),
    ],
)
def test_a_cut_is_claimed_only_where_the_description_proves_it(changes, cut):
    config = {"model": {"type": "BPE"}, "pre_tokenizer": BYTE_LEVEL, "added_tokens": []}
    assert cut_of(config | changes) == cut


def test_alternatives_respect_brackets_groups_and_escapes():
    assert list(alternatives(r"a|[|]+|(?:x|y)\||b")) == ["a", "[|]+", r"(?:x|y)\|", "b"]
