"""What is left of a run that was cut short, level by level."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from stressbench.errors import ResultsError, SuiteError
from stressbench.prompts.build.prompt_format import PromptFormat
from stressbench.runner.plan.left import Done, Recorded, RolePlan
from stressbench.runner.plan.requests import Plan
from stressbench.schema.case import Pass
from stressbench.schema.results.run import LevelLine
from stressbench.schema.suite.load import LoadSpec, levels
from stressbench.schema.suite.suite import ModelSpec, PromptSpec, SuiteSpec
from stressbench.tokens.byte_tokenizer import ByteTokenizer
from stressbench.tokens.template import ChatTemplate
from tests import records
from tests.cases import REQUEST

PASSES: tuple[Pass, ...] = ("quality", "telemetry")
SUITE = SuiteSpec(
    schema=1,
    name="s",
    seed=3,
    models={"dense": ModelSpec(model="m")},
    prompts=[PromptSpec(use="short_qa", items=3, arms=["stress"])],
)
SWEEP = replace(SUITE, load=LoadSpec(arrival="sweep", concurrency_levels=[1, 2]))


def recorded(case_id: str, level: str | None, **changed: object) -> Recorded:
    record = {
        "type": "case",
        "case_id": case_id,
        "role": "dense",
        "repeat": 0,
        "status": "ok",
        "pass": "quality",
        "params": {"load_level": level},
        "content_sha256": "",
        "prompt_sha256": REQUEST.prompt_sha256,
        "timing": msgspec.to_builtins(records.record().timing),
        "tokens": msgspec.to_builtins(records.record().tokens),
    }
    return msgspec.convert(record | changed, Recorded)


def role_plan(
    suite: SuiteSpec, *case_ids: str, over: dict[tuple[Pass, str], LevelLine] | None = None
) -> RolePlan:
    """The plan of a run that has recorded these cases."""
    plan = Plan(suite, {"dense": PromptFormat(ByteTokenizer(), ChatTemplate())})
    asked = {request.case.case_id: request for request in plan.of("dense")}
    done = Done()
    for case_id in case_ids:
        request = asked[case_id]
        level = case_id.split("/")[2] if case_id.count("/") > 2 else None
        content = request.case.content_sha256
        sha256 = {"content_sha256": content, "prompt_sha256": request.prompt_sha256}
        done.add(recorded(case_id, level, **sha256), "r")
    return RolePlan(role="dense", wanted=True, plan=plan, passes=PASSES, done=done, over=over or {})


def ended(pass_: Pass, level: str, *, last: bool = False, why: str | None = None) -> LevelLine:
    return LevelLine(
        run_id="r", role="dense", variant=None, pass_=pass_, level=level, part=0, t_ns=1,
        last=last, hopeless=why,
    )  # fmt: skip


def test_what_is_recorded_is_not_sent_again() -> None:
    plan = role_plan(SWEEP, "short_qa/stress/concurrency-1/i1")
    first, second = levels(SWEEP.load)
    assert [r.case.case_id[-2:] for r in plan.left("quality", first)] == ["i0", "i2"]
    assert len(list(plan.left("quality", second))) == 3
    assert len(list(plan.left("telemetry", first))) == 3
    assert [plan.number_left("quality", level) for level in (first, second)] == [2, 3]
    assert (plan.planned, plan.to_send, plan.begun) == (9, 8, True)


def test_without_a_sweep_everything_is_one_level() -> None:
    plan = role_plan(SUITE, "short_qa/stress/i0")
    (level,) = levels(SUITE.load)
    assert plan.number_left("quality", level) == len(list(plan.left("quality", level))) == 2
    assert len(list(plan.every("quality", level))) == 3


def test_a_role_is_finished_when_every_load_of_every_pass_has_ended() -> None:
    over = {
        ("quality", name): ended("quality", name) for name in ("concurrency-1", "concurrency-2")
    }
    assert not role_plan(SWEEP).finished
    assert not role_plan(SWEEP, over=over).finished
    over["telemetry", "concurrency-2"] = ended("telemetry", "concurrency-2")
    assert role_plan(SWEEP, over=over).finished


def test_a_sweep_that_has_settled_has_ended_its_pass() -> None:
    over = {("quality", "concurrency-1"): ended("quality", "concurrency-1", last=True)}
    over["telemetry", "concurrency-2"] = ended("telemetry", "concurrency-2")
    assert role_plan(SWEEP, over=over).finished


def test_an_overload_has_ended_the_role() -> None:
    line = ended("quality", "concurrency-1", last=True, why="overloaded: all timed out")
    plan = role_plan(SWEEP, over={("quality", "concurrency-1"): line})
    assert plan.finished
    assert plan.overload == "overloaded: all timed out"


def test_a_prompt_that_has_changed_is_refused() -> None:
    plan = role_plan(SUITE, "short_qa/stress/i0")
    (level,) = levels(SUITE.load)
    request = next(plan.every("quality", level))
    assert plan.done.has(request)
    with pytest.raises(SuiteError, match="changed since the run began"):
        plan.done.has(replace(request, prompt_sha256="0" * 64))


def test_a_case_id_of_a_file_that_has_no_place_for_its_level_is_no_crash() -> None:
    found = role_plan(SWEEP, "short_qa/stress/concurrency-1/i1").done
    found.add(recorded("strange", "concurrency-1"), "r")
    with pytest.raises(SuiteError, match="not in the suite any more"):
        found.check_contents([])


def test_a_case_that_was_recorded_twice_is_named() -> None:
    with pytest.raises(ResultsError, match="short_qa/stress/i0 of dense was recorded twice"):
        role_plan(SUITE, "short_qa/stress/i0", "short_qa/stress/i0")
