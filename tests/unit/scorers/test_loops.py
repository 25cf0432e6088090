"""Loops: the same piece over and over, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.scorers.text.loops import repeats

BLOCK = "\n".join(f"line {n} of the block has words {n * n}" for n in range(92)) + "\n"


@pytest.mark.parametrize(
    "answer",
    [
        BLOCK * 32,
        BLOCK * 6 + BLOCK[:500],
        "I cannot help with that request right now. " * 10 + "I cannot hel",
        "\u5bf9\u4e0d\u8d77\uff0c\u6211\u4e0d\u77e5\u9053\u3002" * 4,
        "\u0e44\u0e21\u0e48\u0e17\u0e23\u0e32\u0e1a" * 10,
        "a" * 2000,
        "!" * 500,
        "the door the door the door the door the door.",
    ],
)
def test_a_loop(answer: str) -> None:
    assert repeats(answer)


@pytest.mark.parametrize(
    "answer",
    [
        *("The row is 1 1 1 1", "| --- | --- | --- | --- |", "x {\n}\n}\n}\n}", "ha ha ha ha"),
        *(
            "| yes | yes | yes | yes |",
            "| North America " * 4 + "|",
            "\u54c8\u54c8\u54c8\u54c8",
            "3." + "3" * 30,
        ),
        *("", "....", "never never never never", " ".join(map(str, range(500)))),
    ],
)
def test_no_loop(answer: str) -> None:
    assert not repeats(answer)


@pytest.mark.parametrize(
    "answer",
    [
        'The code for Kyoto is "KYK-KYK-KYK-KYK-KYK-KY',
        "tjhjhjhjhjhjhjhj",
        "It is 123, 123, 123, 123, ",
        "1. 2022-01-01: 2022-01-01: 2022-01-01: 2022-01-01: 2022",
        "\uff36" * 8,
    ],
)
def test_a_short_loop_that_the_output_limit_cut(answer: str) -> None:
    assert repeats(answer, cut=True)


@pytest.mark.parametrize(
    "answer",
    [
        *(
            "0, 0, 0, 0",
            "1000000000000000",
            "ha ha ha ha",
            "------------",
            "f(g(h(x))))))))))))))))",
        ),
        *("| x | 0 | 0 | 0 | 0 | 0 | 0 |", "Let me look at each paragraph. The first one is"),
        "The row of the table that the question is about has the values 1, 2, 2, 2, 2, 2",
    ],
)
def test_no_loop_though_the_output_limit_cut_it(answer: str) -> None:
    assert not repeats(answer, cut=True)


@settings(deadline=None)
@given(
    before=st.text(max_size=40),
    piece=st.text(alphabet="abcdefgh \u5317\u4eac", min_size=12, max_size=60),
    times=st.integers(20, 30),
    cut=st.integers(0, 11),
)
def test_a_loop_wherever_it_is_cut(before: str, piece: str, times: int, cut: int) -> None:
    looped = f"x{piece.replace(' ', 'y')}y" * times
    assert repeats(before + looped[: len(looped) - cut])
