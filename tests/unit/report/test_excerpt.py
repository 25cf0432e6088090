"""Excerpts keep their bound, their marks and an account of what they leave out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stressbench.report.model.page.excerpt import clip, excerpt

LIMIT = 400


@given(st.text(max_size=3000), st.lists(st.text(min_size=1, max_size=20), max_size=3), st.text())
def test_pieces_are_the_text_with_gaps_of_known_length(text, expected, answer):
    at = 0
    for piece in excerpt(text, expected, answer, LIMIT):
        assert text[at : at + len(piece.text)] == piece.text
        at += len(piece.text) + piece.cut
    assert at == len(text)


@given(st.text(alphabet="ab \n", max_size=200))
def test_a_short_text_stays_whole(text):
    assert "".join(piece.text for piece in clip(text, LIMIT)) == text


def test_a_megabyte_on_one_line_is_cut_to_its_ends_and_its_needle():
    text = "x" * 700_000 + " the code is 123456 " + "y" * 300_000
    pieces = excerpt(text, ["123456"], "", LIMIT)
    assert sum(len(piece.text) for piece in pieces) < 3 * LIMIT
    assert [piece.text for piece in pieces if piece.mark == "needle"] == ["123456"]
    assert sum(len(piece.text) + piece.cut for piece in pieces) == len(text)


def test_a_rival_value_that_the_answer_names_is_marked_apart_from_the_needle():
    pieces = excerpt("a: 111111, b: 222222", ["111111"], "It is 222222.", LIMIT)
    marks = {piece.text: piece.mark for piece in pieces if piece.mark}
    assert marks == {"111111": "needle", "222222": "answer"}


def test_a_needle_that_fills_the_prompt_does_not_fill_the_excerpt():
    pieces = excerpt("77 " * 100_000, ["77"], "", LIMIT)
    assert sum(len(piece.text) for piece in pieces) < 3 * LIMIT
