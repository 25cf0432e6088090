"""Edit distance and longest common subsequence against the textbook tables and an oracle."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from stressbench.scorers.edit_distance import PLUGIN, distance, subsequence
from tests.cases import CASE

texts = st.text(alphabet="abc", max_size=12)
word_lists = st.lists(st.text(max_size=3) | st.sampled_from(["a", "the", "Oslo"]), max_size=60)
any_texts = st.text(max_size=80) | word_lists


@settings(deadline=None)
@given(left=texts, right=texts)
def test_levenshtein(left: str, right: str) -> None:
    @cache
    def table(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        change = table(i - 1, j - 1) + (left[i - 1] != right[j - 1])
        return min(table(i - 1, j) + 1, table(i, j - 1) + 1, change)

    assert distance(left, right) == table(len(left), len(right))


@settings(deadline=None)
@given(left=texts, right=texts)
def test_longest_common_subsequence(left: str, right: str) -> None:
    @cache
    def table(i: int, j: int) -> int:
        if not i or not j:
            return 0
        if left[i - 1] == right[j - 1]:
            return table(i - 1, j - 1) + 1
        return max(table(i - 1, j), table(i, j - 1))

    assert subsequence(left, right) == table(len(left), len(right))


@settings(deadline=None, max_examples=300)
@given(left=any_texts, right=any_texts)
def test_characters_and_words_give_what_the_bit_parallel_algorithms_give(
    left: Sequence[str], right: Sequence[str]
) -> None:
    for one, two in ((left, right), (right, left), (left, left), (left, [*left, *right])):
        assert distance(one, two) == bit_parallel_distance(one, two)
        assert subsequence(one, two) == bit_parallel_subsequence(one, two)


@pytest.mark.parametrize(
    ("answer", "wanted", "score"),
    [
        ("stones tables river.", "stones tables river", 1.0),
        ('"stones tables river"', "stones tables river", 1.0),
        ("stones, tables river", "stones tables river", 0.75),
        ("Stones tables river", "stones tables river", 2 / 3),
        ("stones tables river", "stones, tables, river.", 3 / 6),
        ("3.5 and 4", "35 and 4", 2 / 3),
        ("f(x) -> y", "f (x) -> y", 3 / 6),
    ],
)
def test_marks_count_beside_their_words(answer: str, wanted: str, score: float) -> None:
    case = replace(CASE, scorer="edit_distance", expected=(wanted,))
    assert PLUGIN.score(answer, case, finish_reason="stop").score == pytest.approx(score)


def test_long_texts_are_quick() -> None:
    left = [str(number % 97) for number in range(20_000)]
    assert distance(left, left[1:]) == 1
    assert subsequence(left, left[1:]) == 19_999


def bit_parallel_distance(left: Sequence[Hashable], right: Sequence[Hashable]) -> int:
    """Levenshtein's distance, one bit for each row of the table (Hyyro 2003, figure 3)."""
    if not left:
        return len(right)
    places = _places(left)
    mask, last = (1 << len(left)) - 1, 1 << (len(left) - 1)
    plus, minus, steps = mask, 0, len(left)
    for item in right:
        match = places.get(item, 0)
        diagonal = (((match & plus) + plus) ^ plus) | match | minus
        up = minus | (~(diagonal | plus) & mask)
        down = plus & diagonal
        steps += bool(up & last) - bool(down & last)
        up = ((up << 1) | 1) & mask
        down = (down << 1) & mask
        plus = down | (~(diagonal | up) & mask)
        minus = up & diagonal
    return steps


def bit_parallel_subsequence(left: Sequence[Hashable], right: Sequence[Hashable]) -> int:
    """Longest common subsequence, one bit for each row of the table (Hyyro 2004)."""
    places = _places(left)
    mask = (1 << len(left)) - 1
    row = mask
    for item in right:
        match = row & places.get(item, 0)
        row = ((row + match) | (row - match)) & mask
    return len(left) - row.bit_count()


def _places(items: Sequence[Hashable]) -> dict[Hashable, int]:
    places: dict[Hashable, int] = {}
    for index, item in enumerate(items):
        places[item] = places.get(item, 0) | 1 << index
    return places
