"""Joining pieces, padding to exact lengths, cutting filler at a depth."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stressbench.prompts.build.filler import Filler, FillPlan, Unreachable
from stressbench.prompts.build.prompt_format import PromptFormat, fit
from stressbench.tokens.byte_tokenizer import ByteTokenizer
from stressbench.tokens.open import open_tokenizer
from stressbench.tokens.template import ChatTemplate


@dataclass(frozen=True)
class Lines:
    """Sentences of given lengths in bytes."""

    lengths: tuple[int, ...]
    name: str = "lines"

    @property
    def padding(self) -> Sequence[str]:
        return [" " + "a" * (length - 2) + "." for length in self.lengths]

    def chunks(self, tokens: int) -> int:
        return 5

    def chunk(self, index: int) -> Sequence[str]:
        return [f" Sentence {index} {place}." for place in range(4)]


def filler(*lengths: int) -> Filler:
    return PromptFormat(ByteTokenizer(), ChatTemplate()).filler(Lines(lengths))


def rendered(made: Filler, plan: FillPlan, cuts: Sequence[int] = ()) -> list[str]:
    return ["".join(part.text for part in group) for group in made.render(plan, cuts)]


@settings(deadline=None)
@given(tokens=st.integers(0, 400), seed=st.integers(0, 9))
def test_filler_has_exactly_the_tokens_asked_for(tokens: int, seed: int) -> None:
    made = filler(5, 7)
    possible = {5 * a + 7 * b for a in range(90) for b in range(60)}
    if tokens not in possible:
        with pytest.raises(Unreachable) as refused:
            made.plan(tokens, random.Random(seed))
        assert refused.value.smallest == 24  # (5 - 1)(7 - 1): every length above 23 is possible
        return
    plan = made.plan(tokens, random.Random(seed))
    assert len("".join(rendered(made, plan)).encode()) == tokens


def test_lengths_that_share_a_divisor_cannot_reach_every_length() -> None:
    with pytest.raises(Unreachable) as refused:
        filler(6, 9).plan(100, random.Random(0))
    assert refused.value.smallest is None


@settings(deadline=None)
@given(
    tokens=st.integers(24, 400),
    depths=st.lists(st.floats(0, 1), min_size=1, max_size=4).map(sorted),
)
def test_cut_filler_is_the_same_text_cut_between_sentences(
    tokens: int, depths: list[float]
) -> None:
    made = filler(5, 7)
    plan = made.plan(tokens, random.Random(1))
    cuts = made.cuts(plan, depths)
    groups = rendered(made, plan, cuts)
    assert len(groups) == len(depths) + 1
    assert "".join(groups) == "".join(rendered(made, plan))
    assert all(group == "" or group.endswith(".") for group in groups)
    before = 0
    for depth, group in zip(depths, groups, strict=False):
        before += len(group)
        assert abs(before - depth * tokens) <= 8  # half of the longest sentence


def test_depth_zero_and_one_are_the_very_ends() -> None:
    made = filler(5, 7)
    plan = made.plan(200, random.Random(2))
    first, middle, last = rendered(made, plan, made.cuts(plan, [0.0, 1.0]))
    assert (first, last) == ("", "")
    assert len(middle) == 200


def test_chunks_do_not_come_twice_before_all_have_come() -> None:
    made = filler(5, 7)
    plan = made.plan(5 * 4 * 14, random.Random(3))
    picked = [chunk for chunk, _ in plan.picks]
    assert len(set(picked)) == len(picked)


def test_a_join_is_the_encoding_of_its_text() -> None:
    prompt_format = PromptFormat(open_tokenizer("cl100k_base"), ChatTemplate((1,), (2,)))
    parts = [
        prompt_format.first("Here is a text."),
        *prompt_format.pieces([" One fact.", " The end.\n\nWhat?"]),
    ]
    joined = prompt_format.join(parts)
    assert joined.ids == prompt_format.tokenizer.encode(joined.text)
    assert joined.starts is not None
    assert joined.starts[-1] == len(joined.ids)
    assert prompt_format.template_tokens == 2


def test_a_seam_that_merges_is_found_and_the_text_encoded_as_a_whole() -> None:
    prompt_format = PromptFormat(open_tokenizer("cl100k_base"), ChatTemplate())
    # In this vocabulary ".\n\n" is one token: the seam cannot be joined.
    parts = [prompt_format.first("Here is a text."), *prompt_format.pieces(["\n\nWhat?"])]
    joined = prompt_format.join(parts)
    assert joined.starts is None
    assert joined.ids == prompt_format.tokenizer.encode("Here is a text.\n\nWhat?")
    assert len(joined.ids) < sum(len(part.ids) for part in parts)


@dataclass(frozen=True)
class Content:
    content_tokens: int


def test_fitting_corrects_itself_where_lengths_do_not_add_up() -> None:
    seen: list[int] = []

    def build(filler: int, attempt: int) -> Content:
        seen.append(filler)
        lost = 3 if filler else 0  # tokens that merge at the seams
        return Content(10 + filler - lost)

    assert fit(build, tokens=50).content_tokens == 50
    assert seen == [0, 40, 43]


def test_fitting_gives_up_on_what_never_comes_true() -> None:
    with pytest.raises(Unreachable):
        fit(lambda filler, _: Content(2 * filler + 1), tokens=50)


def test_fitting_adds_the_fixed_part_to_the_smallest_length() -> None:
    def build(filler: int, attempt: int) -> Content:
        if 0 < filler < 8:
            raise Unreachable(8)
        return Content(10 + filler)

    with pytest.raises(Unreachable) as refused:
        fit(build, tokens=14)
    assert refused.value.smallest == 18
