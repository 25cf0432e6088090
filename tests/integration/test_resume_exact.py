"""A run that was cut at any byte of any of its files, and gone on with, is the uncut run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stressbench.store import RECORDS, Run
from tests.campaign.runs import KINDS, check, complete, copied, cut, gone_on, plugins, sizes, suite

BOUNDED = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module", autouse=True)
def _planted() -> Iterator[None]:
    with plugins():
        yield


@pytest.fixture(scope="module")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A run of each kind that nothing has cut."""
    folder = tmp_path_factory.mktemp("whole")
    return {kind: complete(suite(kind, folder), folder / kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
@BOUNDED
@given(data=st.data())
def test_a_run_cut_at_any_byte_and_gone_on_with_is_the_uncut_one(
    kind: str, wholes: dict[str, Run], tmp_path: Path, data: st.DataObject
) -> None:
    whole = wholes[kind]
    directory = copied(whole, tmp_path)
    for _ in range(data.draw(st.integers(1, 2), label="times")):
        places = {
            name: data.draw(st.integers(0, size), label=name)
            for name, size in sizes(directory).items()
            if name == RECORDS or data.draw(st.booleans(), label=f"cut {name}")
        }
        cut(directory, places)
        again = gone_on(directory)
        if isinstance(again, str):  # nothing left to go on with, or nothing left to do
            assert any(
                reason in again for reason in ("empty", "a crash cut", "nothing to resume")
            ), again
            assert sizes(directory)[RECORDS] == places[RECORDS], "something was taken away"
            return
        check(whole, again)
