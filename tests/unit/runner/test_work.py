"""What is left of a run that was cut short, level by level."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from stressbench.runner.session import Work
from stressbench.schema.case import Pass, Request
from stressbench.schema.load_shape import Level, LoadSpec, levels
from tests.cases import REQUEST

SWEEP = levels(LoadSpec(arrival="sweep", concurrency_levels=[1, 2]))
PLAIN = levels(LoadSpec())


def plan(pass_: Pass, level: Level) -> Iterator[Request]:
    for item in range(3):
        case_id = f"niah/stress/{level.name}/i{item}" if level.name else f"niah/stress/i{item}"
        yield replace(REQUEST, pass_=pass_, case=replace(REQUEST.case, case_id=case_id))


def test_what_is_recorded_is_not_sent_again() -> None:
    done = frozenset({("dense", "niah/stress/concurrency-1/i1", "quality", 0)})
    work = Work(plan, 3, done)
    first, second = SWEEP
    assert [r.case.case_id[-2:] for r in work.left("quality", first)] == ["i0", "i2"]
    assert len(list(work.left("quality", second))) == 3
    assert len(list(work.left("telemetry", first))) == 3
    assert [work.number("quality", level) for level in SWEEP] == [2, 3]


def test_without_a_sweep_everything_is_one_level() -> None:
    done = frozenset({("dense", "niah/stress/i0", "quality", 0)})
    work = Work(plan, 3, done)
    (level,) = PLAIN
    assert work.number("quality", level) == len(list(work.left("quality", level))) == 2
