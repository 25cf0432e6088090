"""Readings folded while they stream: bounded, and nothing extreme is lost."""

from __future__ import annotations

from operator import itemgetter

from hypothesis import given
from hypothesis import strategies as st

from stressbench.report.model.engine.timeline import fold
from stressbench.schema.results.run import Reading


def reading(t_ns: int, **values: float | None) -> Reading:
    return Reading(probe="kv", role="dense", t_ns=t_ns, values=values)


@given(
    st.lists(
        st.tuples(st.integers(0, 10**13), st.floats(0, 1) | st.none(), st.integers(0, 9)),
        min_size=1,
        max_size=80,
    )
)
def test_folding_keeps_extremes_and_sums(steps):
    folded = fold(
        reading(t, kv_usage=usage, preemptions=n)
        for t, usage, n in sorted(steps, key=itemgetter(0))
    )["dense"]
    moments = folded.moments()
    assert len(moments) <= 480
    assert folded.readings == sum(moment.steps for moment in moments) == len(steps)
    assert sum(moment.preemptions for moment in moments) == sum(n for _, _, n in steps)
    usages = [usage for _, usage, _ in steps if usage is not None]
    assert max(usages, default=None) == max(
        (moment.usage for moment in moments if moment.usage is not None), default=None
    )


def test_usage_that_no_step_tells_stays_null():
    (moment,) = fold([reading(5, kv_usage=None, waiting=2)])["dense"].moments()
    assert moment.usage is None
    assert moment.waiting == 2


def test_each_variant_of_a_model_has_its_own_curve():
    tight = Reading(probe="kv", role="dense", variant="tight", t_ns=5, values={"kv_usage": 0.9})
    folded = fold([reading(5, kv_usage=0.1), tight])
    assert {role: each.moments()[0].usage for role, each in folded.items()} == {
        "dense": 0.1,
        "dense@tight": 0.9,
    }
