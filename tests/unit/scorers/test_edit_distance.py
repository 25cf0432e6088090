"""The bit-parallel distances against the textbook tables."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.scorers.edit_distance import distance, subsequence

texts = st.text(alphabet="abc", max_size=12)


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


def test_long_texts_are_quick() -> None:
    left = [str(number % 97) for number in range(20_000)]
    assert distance(left, left[1:]) == 1
    assert subsequence(left, left[1:]) == 19_999
