from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stressbench.seeds import derive_rng, derive_seed

paths = st.lists(st.one_of(st.text(), st.integers()), max_size=4).map(tuple)


def test_known_values_never_change() -> None:
    assert derive_seed(7, "niah", 3) == 16772012372394637487
    assert derive_seed(7) != derive_seed(8)


@given(paths, paths)
def test_different_names_have_different_seeds(
    one: tuple[str | int, ...], other: tuple[str | int, ...]
) -> None:
    same = [(type(a), a) for a in one] == [(type(b), b) for b in other]
    assert (derive_seed(1, *one) == derive_seed(1, *other)) is same


@given(st.integers(min_value=0, max_value=2**64), paths)
def test_the_range_is_64_bits(root: int, path: tuple[str | int, ...]) -> None:
    assert 0 <= derive_seed(root, *path) < 2**64


def test_a_generator_is_private_and_repeatable() -> None:
    assert derive_rng(1, "a").random() == derive_rng(1, "a").random()
