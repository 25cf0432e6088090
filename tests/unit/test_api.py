from __future__ import annotations

import pytest

import stressbench


def test_the_public_names_are_exactly_these() -> None:
    assert sorted(stressbench.__all__) == sorted(n for n in dir(stressbench) if n != "__version__")
    for name in stressbench.__all__:
        assert getattr(stressbench, name).__doc__, name


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = stressbench.nothing_of_the_kind
