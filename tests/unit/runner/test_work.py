"""What is left of a run that was cut short, level by level."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from msgspec.structs import replace

from stressbench.errors import ResultsError, SuiteError
from stressbench.runner.resume import Done, Recorded
from stressbench.runner.session import Work
from stressbench.schema.case import Pass, Request
from stressbench.schema.suite.load import Level, LoadSpec, levels
from tests import records
from tests.cases import REQUEST

SWEEP = levels(LoadSpec(arrival="sweep", concurrency_levels=[1, 2]))
PLAIN = levels(LoadSpec())


def plan(pass_: Pass, level: Level) -> Iterator[Request]:
    for item in range(3):
        case_id = f"niah/stress/{level.name}/i{item}" if level.name else f"niah/stress/i{item}"
        yield replace(REQUEST, pass_=pass_, case=replace(REQUEST.case, case_id=case_id))


def done(*case_ids: str) -> Done:
    found = Done()
    for case_id in case_ids:
        level = case_id.split("/")[2] if case_id.count("/") > 2 else None
        case = replace(REQUEST.case, case_id=case_id)
        record = {
            "case_id": case_id,
            "role": "dense",
            "repeat": 0,
            "status": "ok",
            "pass": "quality",
            "params": {"load_level": level},
            "content_sha256": case.content_sha256,
            "prompt_sha256": REQUEST.prompt_sha256,
            "timing": msgspec.to_builtins(records.record().timing),
            "tokens": msgspec.to_builtins(records.record().tokens),
        }
        found.add(msgspec.convert(record | {"type": "case"}, Recorded), "r")
    return found


def work(found: Done) -> Work:
    return Work("dense", plan, {"quality": 3, "telemetry": 3}, found, {})


def test_what_is_recorded_is_not_sent_again() -> None:
    left = work(done("niah/stress/concurrency-1/i1"))
    first, second = SWEEP
    assert [r.case.case_id[-2:] for r in left.left("quality", first)] == ["i0", "i2"]
    assert len(list(left.left("quality", second))) == 3
    assert len(list(left.left("telemetry", first))) == 3
    assert [left.number("quality", level) for level in SWEEP] == [2, 3]


def test_without_a_sweep_everything_is_one_level() -> None:
    left = work(done("niah/stress/i0"))
    (level,) = PLAIN
    assert left.number("quality", level) == len(list(left.left("quality", level))) == 2


def test_a_prompt_that_has_changed_is_refused() -> None:
    found = done("niah/stress/i0")
    other = replace(REQUEST, case=replace(REQUEST.case, case_id="niah/stress/i0"))
    assert found.has(other)
    with pytest.raises(SuiteError, match="changed since the run began"):
        found.has(replace(other, prompt_sha256="0" * 64))


def test_a_case_id_of_a_file_that_has_no_place_for_its_level_is_no_crash() -> None:
    found = done("niah/stress/concurrency-1/i1")
    line = msgspec.convert(
        {
            "type": "case",
            "case_id": "strange",
            "role": "dense",
            "repeat": 0,
            "status": "ok",
            "pass": "quality",
            "params": {"load_level": "concurrency-1"},
            "content_sha256": "",
            "prompt_sha256": "",
            "timing": msgspec.to_builtins(records.record().timing),
            "tokens": msgspec.to_builtins(records.record().tokens),
        },
        Recorded,
    )
    found.add(line, "r")
    with pytest.raises(SuiteError, match="not in the suite any more"):
        found.check_contents([])


def test_a_case_that_was_recorded_twice_is_named() -> None:
    with pytest.raises(ResultsError, match="niah/stress/i0 of dense was recorded twice"):
        done("niah/stress/i0", "niah/stress/i0")
